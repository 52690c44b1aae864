import assert from "node:assert/strict";
import type { MeshStatus } from "../../manager/status.ts";
import { statusFields, statusText } from "./status_text.ts";

const NOTHING = { count: 0, bytes: 0 };

function status(more: Partial<MeshStatus> = {}): MeshStatus {
  const host = {
    host: "web",
    vip: "127.0.42.101",
    state: "ready",
    command: "docker exec -i web norouter",
    features: [],
    failures: 2,
    charged: 0,
    suggestions: 0,
  } as const;
  const link = {
    host: "web",
    timesReady: 3,
    timesResumed: 1,
    attempts: 4,
    ms: 61_000,
    frames: { ok: 100, type: 1, short: 2, version: 0, length: 0, source: 4, late: 0 },
    traffic: {
      receivedBytes: 9000,
      sentFrames: 90,
      sentBytes: 8000,
      droppedFrames: 0,
      droppedBytes: 0,
    },
    droppedControls: { count: 5, bytes: 100 },
    droppedLines: NOTHING,
  };
  return {
    ms: 90_000,
    rulesVersion: 1,
    hosts: [host],
    links: [link],
    queues: [],
    waiting: [],
    packets: {
      delivered: 1,
      waited: 2,
      overflowed: 3,
      refused: 4,
      missed: 0,
      unroutable: 5,
      aborted: 6,
      evicted: 7,
      denied: 0,
      forbidden: 0,
    },
    flows: { opening: 1, open: 2, finished: 3, refused: 4, limit: 9 },
    stacks: [],
    listeners: [],
    policy: [],
    services: [],
    processes: [],
    process: { cpuSeconds: 1.5, residentBytes: 1e8, startedAt: 1.8e9 },
    ...more,
  };
}

Deno.test("a window is a row of its own", () => {
  const window = {
    window: 16_384,
    underWay: 1400,
    rate: 2_500_000,
    base: 1.55,
    drains: 3,
    faults: 0,
    mode: "steady",
  } as const;
  const links = [{ ...status().links[0]!, window }];
  assert.match(
    statusText(status({ links })),
    /^to web +16\.0 KiB +1\.4 KiB +2\.4 MiB\/s +1\.6 ms +- +3 +0 +steady$/m,
  );
});

const listener = { host: "web", address: "127.0.42.101:80", kind: "loopback" } as const;

Deno.test("a status is a heading and tables, without those that are empty", () => {
  assert.equal(
    statusText(status()),
    "Status after 90.0 s\n" +
      "HOST  STATE  FOR     TIMES READY  FAILURES  FRAMES  DROPPED  CONTROLS DROPPED  LINES LEFT OUT\n" +
      "web   ready  61.0 s  3            2         100     7        5                 0\n" +
      "Packets: 1 delivered, 2 waited, 3 more did not fit, 4 refused, 5 to nowhere\n" +
      "Routed connections: 1 opening, 2 open, 7 over, 6 reset, 7 of them for want of room (9)\n" +
      "Listeners: 0 up, 0 failed",
  );
});

Deno.test("bytes are told in the unit that fits, and what waits for a host that starts", () => {
  const queue = {
    pushed: 1,
    taken: 1,
    takenBytes: 1,
    droppedBytes: 0,
    cut: 0,
    weight: 5119,
    limitBytes: 1,
    dropped: 8,
    refused: 9,
  };
  const text = statusText(status({
    queues: [{
      ...queue,
      host: "web",
      frames: 4,
      bytes: 1023,
      peakBytes: 1536,
      writtenBytes: 5 * 2 ** 30,
    }],
    waiting: [{ host: "db", frames: 1, bytes: 3 * 2 ** 20 }],
  }));
  assert.match(text, /^to web +4 +1023 B +1\.5 KiB +5\.0 GiB +8 +9$/m);
  assert.match(text, /^to db, which is starting +1 +3\.0 MiB +- +- +- +-$/m);
});

Deno.test("listeners that failed are named, but not hundreds, and each in one line", () => {
  const error = {
    code: "EADDRINUSE",
    message: `in use\ninfo  a line\n${"x".repeat(999)}`,
  };
  const listeners = [
    listener,
    ...Array.from({ length: 100 }, () => ({ ...listener, error })),
  ];
  const lines = statusText(status({ listeners })).split("\n");
  const at = lines.indexOf("Listeners: 1 up, 100 failed");
  assert.match(
    lines[at + 1]!,
    /^ {2}web does not listen on 127\.0\.42\.101:80: in use info /,
  );
  assert.ok(lines.slice(at + 1).every((line) => line.startsWith("  ")));
  assert.ok(lines.every((line) => line.length < 210));
  assert.equal(lines.at(-1), "  and 80 more");
});

Deno.test("for machines there are only the listeners that failed, and how many did not", () => {
  const error = { code: "EACCES", message: "not allowed" };
  const failed = { ...listener, error };
  const fields = statusFields(status({ listeners: [listener, failed, listener] }));
  assert.deepEqual(fields["listeners"], [failed]);
  assert.equal(fields["listening"], 2);
});

Deno.test("what went to a host that is away is told, and what waits for it", () => {
  const of = status();
  const text = statusText(status({
    hosts: [{ ...of.hosts[0]!, state: "away" }],
    waiting: [{ host: "web", frames: 1, bytes: 300 }],
    packets: { ...of.packets, missed: 12 },
  }));
  assert.match(text, /^web +away /m);
  assert.match(text, /^to web, which is away +1 +300 B /m);
  assert.match(text, /^Packets: .* 5 to nowhere, 12 to hosts that were away$/m);
});
