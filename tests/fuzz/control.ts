/**
 * Control messages: right ones with values replaced by others, cut and edited, deep, long,
 * and with the names of JavaScript's own properties. The readers refuse them by their own
 * error, an agent goes on answering, and a manager gives up the one who sent them at most.
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { startAgent } from "../../agent/_pair.ts";
import { FakeAgent } from "../../manager/_fake_agent.ts";
import { type Clock, systemClock } from "../../manager/clock.ts";
import { startMesh } from "../../manager/mesh.ts";
import { memoryLinkPair } from "../../transports/memory.ts";
import {
  ControlError,
  decodeControl,
  parseConfigureArgs,
  parseConfigureData,
  parseExtendArgs,
  parseHostDown,
  parseRouteSuggestion,
  parseStatus,
} from "../../wire/control.ts";
import { encodeFrame, FrameType } from "../../wire/frame.ts";
import { until, within } from "../harness/wait.ts";
import { type Edit, edited, editsOf } from "./_pieces.ts";
import type { FuzzTarget } from "./target.ts";

/** A message: which right one, which of its values give way to which, and edits of its text. */
interface MessagePlan {
  readonly template: number;
  readonly replaced: readonly { readonly at: number; readonly by: unknown }[];
  readonly edits: readonly Edit[];
}

interface ControlCase {
  readonly messages: readonly MessagePlan[];
}

const port = { ip: "127.0.42.102", port: 80, proto: "tcp" };
const configure = {
  me: "127.0.42.101",
  forwards: [{
    listen_port: 80,
    connect_ip: "localhost",
    connect_port: 8080,
    proto: "tcp",
  }],
  others: [port],
  hostnameMap: { web: "127.0.42.101", db: "127.0.42.102" },
  routes: [{ toCIDR: ["10.0.0.0/8"], toHostnameGlob: ["*.a"], via: "127.0.42.102" }],
  nameServers: [{ ...port, port: 10053 }],
};
const auth = { username: "u", password: "p" };
const result = (op: string, more: object) => {
  return { type: "result", body: { request_id: 1, op, ...more } };
};
const request = (op: string, args?: unknown) => {
  return { type: "request", body: { id: 1000, op, args } };
};

/** Right messages of both directions: who gets one of the other has to bear it. */
const TEMPLATES: readonly unknown[] = [
  request("configure", configure),
  request("extend", {
    http: { listen: "", auth },
    exceptions: [{ route: 0, hostnames: ["a.*"] }],
  }),
  request("ping"),
  request("status"),
  {
    type: "event",
    body: { type: "hostDown", data: { ip: port.ip, ranges: ["10.0.0.0/8"] } },
  },
  {
    type: "event",
    body: { type: "routeSuggestion", data: { ip: ["10.0.0.1"], route: "127.0.42.102" } },
  },
  result("configure", { data: { features: ["tcp", "ping"], version: "1.0" } }),
  result("extend", { error: "no" }),
  result("ping", {}),
  result("status", {
    data: {
      listeners: [{
        address: "127.0.42.101:80",
        kind: "loopback",
        error: { code: "EACCES", message: "m" },
      }],
    },
  }),
];

/** Text that stands for a value which would make a case's file too long. */
const STAND_IN = /"§(deep|long|many|wide) (\d+)"/g;

function expanded(text: string): string {
  return text.replace(STAND_IN, (_, kind: string, digits: string) => {
    const count = Number(digits);
    switch (kind) {
      case "deep":
        return "[".repeat(count) + "]".repeat(count);
      case "long":
        return `"${"x".repeat(count)}"`;
      case "many":
        return `[${"1,".repeat(count)}1]`;
      default:
        return `{${Array.from({ length: count }, (_, i) => `"k${i}":[]`).join()}}`;
    }
  });
}

const standIn = fc.tuple(fc.constantFrom("deep", "long", "many", "wide"), fc.nat(4))
  .map(([kind, power]) => `§${kind} ${7 * 10 ** power}`);
const key = fc.constantFrom(
  ...[
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "length",
    "then",
    "",
    "0",
  ],
  ...[
    "type",
    "body",
    "id",
    "op",
    "args",
    "data",
    "error",
    "ip",
    "port",
    "listen",
    "auth",
  ],
);
const text = fc.oneof(
  fc.string({ maxLength: 8, unit: "binary" }),
  fc.constantFrom(
    "127.0.42.101",
    "127.0.42.102",
    "0.0.0.0/0",
    "10.0.0.1",
    "::1",
    "tcp",
    "ping",
  ),
  fc.constantFrom(
    "configure",
    "hostDown",
    "routeSuggestion",
    "\x1b[2J",
    "\u202e",
    "\n",
    "request",
  ),
);
const junk = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>(null, true, false, 0, -1, 1, 65_536, 1e300, 0.5, 2 ** 53),
    text,
    standIn,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(key, tie("value"), { maxKeys: 3 }),
  ),
})).value;

/** A copy of `value` in which the node with this number, counted from the root, is another. */
function replaced(value: unknown, at: number, by: unknown): unknown {
  let number = 0;
  const walk = (node: unknown): unknown => {
    if (number++ === at) return by;
    if (Array.isArray(node)) return node.map(walk);
    if (typeof node !== "object" || node === null) return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, each]) => [key, walk(each)]),
    );
  };
  return walk(value);
}

function nodesOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce((sum: number, each) => sum + nodesOf(each), 1);
}

/** Listening addresses that lead nowhere; a fuzzed agent opens no others on this machine. */
const HARMLESS = ["", "x", "127.0.0.1:99999", "300.0.0.1:80"];

/**
 * The same message without what would touch this machine: listeners, the hosts file and the
 * folder of an agent. What is no JSON touches nothing.
 */
function harmless(text: string): string {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return text;
  }
  const args = message?.body?.args;
  if (typeof args !== "object" || args === null || Array.isArray(args)) return text;
  for (const proxy of ["http", "socks"]) {
    const listen = args[proxy]?.listen;
    if (typeof listen === "string" && !HARMLESS.includes(listen)) delete args[proxy];
  }
  const quiet = {
    stateDir: { disable: true },
    loopback: { disable: true },
    writeEtcHosts: false,
  };
  return JSON.stringify({
    ...message,
    body: { ...message.body, args: { ...args, ...quiet } },
  });
}

function messageOf(
  { template, replaced: changes, edits }: MessagePlan,
): Uint8Array<ArrayBuffer> {
  let value = TEMPLATES[template];
  for (const { at, by } of changes) value = replaced(value, at % nodesOf(value), by);
  const written = edited(JSON.stringify(value) ?? "null", edits);
  return new TextEncoder().encode(expanded(harmless(written)));
}

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

/** A packet of `a` to `b`, which comes after all that was sent before it. */
const LAST = Uint8Array.from([
  ...[0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 42, 101, 127, 0, 42, 102],
  ...[0, 80, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0],
]);

/** A manager waits some tenths of a second for what explains an end; not here. */
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
  cases: fc.record({
    messages: fc.array(
      fc.record({
        template: fc.nat(TEMPLATES.length - 1),
        replaced: fc.array(fc.record({ at: fc.nat(60), by: junk }), { maxLength: 3 }),
        edits: fc.oneof(
          { weight: 3, arbitrary: fc.constant([]) },
          {
            weight: 1,
            arbitrary: editsOf(["{", "}", "[", ",", '"', "\\u0000", "1e9", "null"], 2),
          },
        ),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  }),
  async run({ messages }) {
    const payloads = messages.map(messageOf);
    for (const payload of payloads) understand(payload);
    await askAgent(payloads);
    await askManager(payloads);
    const now = JSON.stringify(Reflect.ownKeys(Object.prototype).map(String));
    assert.equal(now, OWN_KEYS, "the prototype of all objects was changed");
  },
};
