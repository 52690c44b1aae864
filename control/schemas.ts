/**
 * The data of the control socket, as schemas: what requests have to be, and what answers
 * are, for the description in OpenAPI.
 *
 * Answers may have more fields than their schemas say.
 *
 * @module
 */

import * as v from "valibot";

const text = v.string();
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const names = v.array(text);
/** Seconds that a timer can wait: 24 days. */
const MOST_SECONDS = 2_073_600;

/** The body of POST /v1/hosts. */
export const AddHost = v.strictObject({
  name: v.pipe(text, v.description("The host's name")),
  host: v.pipe(
    v.union([text, v.record(text, v.unknown())]),
    v.description("What stands behind the name in a manifest: a map, or YAML as text"),
  ),
});

const rule = {
  kind: v.pipe(
    v.picklist(["ingress", "egress"]),
    v.description("Whether clients come from the mesh, or are on the host"),
  ),
  rule: v.pipe(text, v.description("PROTOCOL:PORT:DESTINATION:PORT, see docs/live.md")),
};
const host = v.pipe(text, v.description("The host's name. Default: this machine's"));

/** The body of POST /v1/rules. */
export const AddRule = v.strictObject({
  host: v.optional(host),
  ...rule,
  save: v.optional(
    v.pipe(v.boolean(), v.description("Whether to write it into the manifest")),
  ),
});

/** The query of DELETE /v1/rules. */
export const RemoveRule = v.strictObject({ host: v.optional(host), ...rule });

/** The query of GET /v1/capture. */
export const CaptureQuery = v.strictObject({
  host: v.optional(v.pipe(names, v.description("Hosts whose packets are captured"))),
  flow: v.optional(
    v.pipe(names, v.description("[PROTOCOL:]SOURCE[:PORT] -> DESTINATION[:PORT]")),
  ),
  snaplen: v.optional(
    v.pipe(count, v.description("Bytes of a packet that are kept; 0 for all")),
  ),
  count: v.optional(
    v.pipe(count, v.minValue(1), v.description("Packets after which it ends")),
  ),
  seconds: v.optional(v.pipe(
    count,
    v.minValue(1),
    v.maxValue(MOST_SECONDS),
    v.description("After which it ends"),
  )),
});

/** The query of DELETE /v1/capture. */
export const EndCapture = v.strictObject({
  id: v.pipe(count, v.description("What the head x-capture of the answer says")),
});

/** The answer to DELETE /v1/capture. */
export const EndedCapture = v.looseObject({
  ended: v.pipe(count, v.description("Its number")),
  packets: count,
  dropped: v.pipe(count, v.description("Packets that found no room")),
});

/** The answer to GET /v1/rules. */
export const Rules = v.looseObject({
  rules: v.array(v.looseObject({
    host: text,
    ...rule,
    added: v.pipe(v.boolean(), v.description("Whether a command added the rule")),
    at: v.pipe(text, v.description("Where it stands")),
  })),
});

/** The body of POST /v1/hosts/NAME/ping. */
export const Ping = v.strictObject({
  from: v.optional(
    v.pipe(text, v.description("The host that asks. Default: this machine's")),
  ),
  size: v.optional(v.pipe(
    v.number(),
    v.integer(),
    v.minValue(0),
    v.maxValue(65_507),
    v.description("Bytes of data. Default: 56"),
  )),
  ms: v.optional(v.pipe(
    v.number(),
    v.integer(),
    v.minValue(1),
    v.maxValue(10_000),
    v.description("Milliseconds to wait for the answer. Default: 2000"),
  )),
});

/** The answer to POST /v1/hosts/NAME/ping. */
export const Echo = v.looseObject({
  host: text,
  vip: text,
  from: text,
  bytes: v.pipe(count, v.description("Those of the ICMP message")),
  outcome: v.pipe(
    v.picklist(["answered", "lost", "unable", "starting", "away", "down", "closed"]),
    v.description(
      "What came of it: no answer in time is lost, an agent that answers no echo unable",
    ),
  ),
  ms: v.optional(v.pipe(v.number(), v.description("The round trip, if answered"))),
  hops: v.array(v.looseObject({
    host: text,
    hop: v.picklist(["link", "stack"]),
    ms: v.number(),
  })),
  message: v.optional(v.pipe(text, v.description("Why there is no answer"))),
});

const Counters = v.record(text, v.number());
const OfHost = { host: text };

const process = {
  cpuSeconds: v.number(),
  residentBytes: v.number(),
  startedAt: v.pipe(v.number(), v.description("Seconds since 1970")),
  openFiles: v.optional(v.number()),
  mostFiles: v.optional(v.number()),
};

/** The answer to GET /v1/status. */
export const Status = v.looseObject({
  mesh: v.looseObject({
    name: text,
    manifest: text,
    pid: count,
    version: text,
  }),
  ms: v.pipe(v.number(), v.description("Milliseconds since the start")),
  rulesVersion: count,
  hosts: v.array(v.looseObject({
    name: text,
    vip: text,
    state: v.picklist(["starting", "ready", "away", "down", "closed"]),
    command: text,
    version: v.optional(text),
    features: names,
    failures: count,
    lastFailure: v.optional(text),
    added: v.pipe(v.boolean(), v.description("Whether a command added the host")),
  })),
  links: v.array(v.looseObject({
    ...OfHost,
    timesReady: count,
    timesResumed: v.pipe(count, v.description("How often its agent was taken back")),
    attempts: v.pipe(count, v.description("How often a link was opened, or was to be")),
    frames: Counters,
    traffic: v.pipe(Counters, v.description("Frames and bytes, over all its links")),
  })),
  queues: v.array(v.looseObject(OfHost)),
  waiting: v.array(v.looseObject(OfHost)),
  packets: Counters,
  flows: Counters,
  stacks: v.array(v.looseObject(OfHost)),
  listeners: v.array(v.looseObject({ ...OfHost, address: text, kind: text })),
  services: v.pipe(
    v.array(v.looseObject({
      ...OfHost,
      services: v.record(text, Counters),
      dials: Counters,
    })),
    v.description("Clients and dials of agents, since the start of each"),
  ),
  processes: v.array(v.looseObject({ ...OfHost, ...process })),
  process: v.looseObject(process),
});

/** The answer to what changes the mesh. */
export const Change = v.looseObject({
  added: names,
  removed: names,
  changed: v.array(v.looseObject({ host: text, fields: names })),
  restarted: v.array(v.looseObject({ host: text, why: text })),
  routes: v.boolean(),
  policy: v.boolean(),
  message: v.pipe(text, v.description("The same in words")),
  warnings: v.optional(v.pipe(
    v.array(v.looseObject({ at: text, message: text })),
    v.description("What is doubtful about a rule that was added"),
  )),
});

/** The data of an event of GET /v1/events. */
export const Event = v.looseObject({
  time: v.pipe(text, v.isoTimestamp()),
  level: v.picklist(["debug", "info", "warn", "error"]),
  type: text,
  message: text,
  host: v.optional(text),
});

/** The answer to a request that could not be done. */
export const Failure = v.looseObject({
  error: v.looseObject({
    message: text,
    faults: v.optional(v.pipe(
      v.array(v.looseObject({ at: text, message: text })),
      v.description("The errors of the manifest, each with its place"),
    )),
  }),
});

/** The answer to POST /v1/down. */
export const Ending = v.looseObject({ ending: v.literal(true) });
/** The answer to POST /v1/hosts/NAME/restart. */
export const Restarted = v.looseObject({ restarted: text });
