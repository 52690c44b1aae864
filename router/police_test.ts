import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeFrame, type Frame, FrameType } from "../wire/frame.ts";
import { parseIpv4, sourceOf } from "../wire/ip/ipv4.ts";
import {
  batchesOf,
  collect,
  controlFrame,
  packet,
  packetFrame,
} from "./_test_packets.ts";
import { judge, police, policeCounters, type Verdict } from "./police.ts";
import { FOREIGN } from "./way.ts";
import { TURN_MS } from "../wire/turn.ts";

const VIP = parseIpv4("127.0.42.100");
const find = (packet: Uint8Array, at: number) =>
  sourceOf(packet, at) === VIP ? FOREIGN : undefined;

function patched(patch: (bytes: Uint8Array) => void, data = 0) {
  const bytes = packet({ data });
  patch(bytes);
  return encodeFrame(FrameType.L3, bytes);
}

Deno.test("each packet gets its verdict", () => {
  const cases: [string, ReturnType<typeof packetFrame>, Verdict][] = [
    ["an honest packet", packetFrame(), "ok"],
    ["one with options", packetFrame({ options: 40 }), "ok"],
    [
      "just a header",
      encodeFrame(1, patched((b) => b[3] = 20).payload.slice(0, 20)),
      "ok",
    ],
    ["a control frame", controlFrame(), "ok"],
    ["a frame of no known type", encodeFrame(3, packet()), "type"],
    ["no payload at all", encodeFrame(FrameType.L3, new Uint8Array()), "short"],
    ["19 bytes", encodeFrame(FrameType.L3, packet().slice(0, 19)), "short"],
    ["IPv6", patched((b) => b[0] = 0x65), "version"],
    ["a header of 4 words", patched((b) => b[0] = 0x44), "length"],
    ["a header longer than the packet", patched((b) => b[0] = 0x4f), "length"],
    ["a total length below the header", patched((b) => b[3] = 19), "length"],
    ["a total length below the frame", patched((b) => b[3] = 39), "length"],
    ["a total length beyond the frame", patched((b) => b[3] = 41), "length"],
    ["a packet of 65536 bytes", patched((b) => b.fill(0, 2, 4), 65536 - 40), "length"],
    ["another host's address", packetFrame({ from: "127.0.42.102" }), "source"],
    ["a broadcast address", packetFrame({ from: "255.255.255.255" }), "source"],
  ];
  for (const [name, frame, wanted] of cases) {
    assert.equal(judge(frame, find), wanted, name);
  }
});

Deno.test("no bytes whatsoever make the judge fail", () => {
  fc.assert(
    fc.property(fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 80 }), (type, payload) => {
      assert.ok(judge(encodeFrame(type, payload), find) in policeCounters());
    }),
    { seed: 3, numRuns: 2000 },
  );
});

Deno.test("what is dropped is counted, the rest goes on in order, no batch is empty", async () => {
  const counters = policeCounters();
  const good = [packetFrame({ seq: 1 }), controlFrame(), packetFrame({ seq: 2 })];
  const bad = packetFrame({ from: "10.0.0.1" });
  const short = encodeFrame(FrameType.L3, new Uint8Array(3));
  const forged: Frame[] = [];
  const stage = police({ find, counters, onForged: (frame) => forged.push(frame) });
  const out = await collect(
    stage(batchesOf([bad, good[0]!, short, good[1]!], [bad, bad], [good[2]!])),
  );
  assert.deepEqual(out, [[good[0], good[1]], [good[2]]]);
  assert.deepEqual(counters, { ...policeCounters(), ok: 3, short: 1, source: 3 });
  assert.deepEqual(forged, [bad, bad, bad]);
});

Deno.test("a link that brings nothing but what is dropped rests like any other", async () => {
  let now = 0;
  let rests = 0;
  let told = 0;
  const counters = policeCounters();
  const stage = police({
    find,
    counters,
    onForged: () => now += TURN_MS / 100,
    onDropped: (bytes) => told += bytes,
    pace: {
      now: () => now,
      rest: () => {
        rests++;
        return Promise.resolve();
      },
    },
  });
  const forged = packetFrame({ from: "127.0.42.102" });
  const batches = Array.from({ length: 4 }, () => new Array<Frame>(512).fill(forged));
  assert.deepEqual(await collect(stage(batchesOf(...batches))), []);
  assert.equal(counters.source, 2048);
  assert.equal(told, 2048 * forged.bytes.length);
  // A turn is 100 of them, looked at every 64.
  assert.equal(rests, 16);
});
