/**
 * The cases of the target `control`: messages made of right ones.
 *
 * @module
 */
import fc from "fast-check";
import { type Edit, edited, editsOf } from "./_pieces.ts";

/** A message: its template, which values give way to which, and edits of its text. */
interface MessagePlan {
  readonly template: number;
  readonly replaced: readonly { readonly at: number; readonly by: unknown }[];
  readonly edits: readonly Edit[];
}

/** Messages that are sent in order. */
export interface ControlCase {
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

/** Right messages of both directions: either side has to bear the other's. */
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
  result("status", {
    data: {
      listeners: [],
      stack: { pages: 160, connections: 3 },
      services: {
        services: { http: { clients: 1, served: 2, turnedAway: 3 } },
        dials: { connected: 4, "timed-out": 5 },
      },
      process: { cpuSeconds: 1.5, residentBytes: 5e7, startedAt: 1.8e9, openFiles: 9 },
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
 * The same message without the fields that would touch this machine: listeners, the hosts
 * file and the folder of an agent. Text that is no JSON touches nothing.
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

/** The payload of a message. */
export function messageOf(
  { template, replaced: changes, edits }: MessagePlan,
): Uint8Array<ArrayBuffer> {
  let value = TEMPLATES[template];
  for (const { at, by } of changes) value = replaced(value, at % nodesOf(value), by);
  const written = edited(JSON.stringify(value) ?? "null", edits);
  return new TextEncoder().encode(expanded(harmless(written)));
}

/** Up to five messages. */
export const controlCases: fc.Arbitrary<ControlCase> = fc.record({
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
});
