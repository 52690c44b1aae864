/**
 * Control messages: right ones with values replaced by others, cut and edited, deep,
 * long, and with the names of JavaScript's own properties.
 *
 * The readers refuse them by their own error, an agent goes on answering, and a manager
 * gives up no host but the sender.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startAgent } from "../../agent/_pair.ts";
import { FakeAgent } from "../../manager/_fake_agent.ts";
import { type Clock, systemClock } from "../../link/clock.ts";
import { startMesh } from "../../manager/mesh.ts";
import { memoryLinkPair } from "../../link/memory.ts";
import {
  ControlError,
  decodeControl,
  parseConfigureArgs,
  parseConfigureData,
  parseExtendArgs,
  parseHostDown,
  parseRouteSuggestion,
  parseStatus,
} from "../../wire/control/control.ts";
import { encodeFrame, FrameType } from "../../wire/frame.ts";
import { until, within } from "../harness/scene/wait.ts";
import { type ControlCase, controlCases, messageOf } from "./_control_cases.ts";
import type { FuzzTarget } from "./target.ts";

const READERS = [
  parseConfigureArgs,
  parseConfigureData,
  parseExtendArgs,
  parseHostDown,
  parseRouteSuggestion,
  parseStatus,
];

function understand(payload: Uint8Array): void {
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      assert.ok(
        error.message.length > 0 && error.message.length < 100_000,
        "a long message",
      );
    }
  };
  const message = attempt(() => decodeControl(payload));
  if (!message) return;
  const { body } = message;
  for (const part of ["args", "data"] as const) {
    const value = (body as Record<string, unknown>)[part];
    for (const read of READERS) {
      const once: unknown = attempt(() => read(value));
      if (once === undefined) continue;
      assert.deepEqual(
        read(JSON.parse(JSON.stringify(once))),
        once,
        "read again it differs",
      );
    }
  }
}

async function askAgent(payloads: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
  const agent = startAgent();
  for (const payload of payloads) {
    await agent.send(encodeFrame(FrameType.JSON, payload).bytes);
  }
  await within("the agent's answer to a ping", agent.ask("ping"), 5_000);
  await agent.end();
  await within("the agent's end", agent.finished, 5_000);
}

/** A packet of `a` to `b`, which comes after all that was sent earlier. */
const LAST = Uint8Array.from([
  ...[0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 42, 101, 127, 0, 42, 102],
  ...[0, 80, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0],
]);

/** A manager waits some tenths of a second for the reason of an end; not here. */
const HASTY: Clock = {
  ...systemClock,
  after: (ms, action) => systemClock.after(ms < 1000 ? ms / 50 : ms, action),
};

async function askManager(payloads: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
  const agents = new Map<string, FakeAgent>();
  let ended = false;
  const mesh = await startMesh({
    hosts: {
      a: { fuzzed: {}, vip: "127.0.42.101" },
      b: { fuzzed: {}, vip: "127.0.42.102", ports: ["80:127.0.0.1:8080"] },
    },
    routes: [{ via: "a", to: ["10.0.0.0/8"] }],
  }, {
    clock: HASTY,
    onEvent: (event) => ended ||= event.type === "down" && event.host === "a",
    transports: [{
      name: "fuzzed",
      parse: (spec) => spec,
      describe: () => "a fuzzed agent",
      open: (_, { host }) => {
        const [near, far] = memoryLinkPair();
        agents.set(host, new FakeAgent(far));
        return Promise.resolve(near);
      },
    }],
  });
  try {
    await within("both hosts", mesh.ready(), 5_000);
    const [a, b] = [agents.get("a")!, agents.get("b")!];
    for (const payload of payloads) {
      await a.control(payload);
    }
    await a.packet(LAST);
    await until("the last packet, or the end of its link", () => {
      return ended || b.packets.length > 0;
    }, { limitMs: 5_000, everyMs: 1 });
    assert.equal(mesh.hosts.get("b")!.state, "ready", "another host is down");
  } finally {
    await within("the mesh's end", mesh.close(), 5_000);
  }
}

const OWN_KEYS = JSON.stringify(Reflect.ownKeys(Object.prototype).map(String));

export const target: FuzzTarget<ControlCase> = {
  name: "control",
  cases: controlCases,
  async run({ messages }) {
    const payloads = messages.map(messageOf);
    for (const payload of payloads) understand(payload);
    await askAgent(payloads);
    await askManager(payloads);
    const now = JSON.stringify(Reflect.ownKeys(Object.prototype).map(String));
    assert.equal(now, OWN_KEYS, "the prototype of all objects was changed");
  },
};
