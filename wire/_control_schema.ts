/**
 * Schemas of the control messages, in the order of `control.ts`, which has their types.
 *
 * @module
 */

import * as v from "valibot";
import type {
  AgentStatus,
  ConfigureArgs,
  ConfigureData,
  ControlMessage,
  ExtendArgs,
  HostDown,
  RouteSuggestion,
} from "./control.ts";
import { AGENT_STACK } from "./control/agent_stack.ts";
import { parseCidr, parseIpv4 } from "./ip/ipv4.ts";

/** A schema whose output is a `T`. */
export type Schema<T> = v.GenericSchema<unknown, T>;

/** An object without the fields that are `null` or `undefined`. */
type Present<T> = { [K in keyof T]: Exclude<T[K], null | undefined> };

/** An object with these fields; unknown fields and absent ones are left out. */
function object<E extends v.ObjectEntries>(entries: E) {
  return v.pipe(
    v.object(entries),
    v.transform((value) =>
      Object.fromEntries(
        Object.entries(value).filter(([, field]) => field != null),
      ) as Present<typeof value>
    ),
  );
}

/** A list that Go writes as `null` when it is empty. */
function list<S extends v.GenericSchema>(item: S) {
  return v.nullish(v.array(item), []);
}

/** One from an agent, which may be hostile: its items are looked at only if it is short. */
function shortList<S extends v.GenericSchema>(item: S, most: number) {
  const short = v.check<unknown[], string>(
    ({ length }) => length <= most,
    `Expected at most ${most} items`,
  );
  return v.nullish(v.pipe(v.array(v.unknown()), short, v.array(item)), []);
}

const address = v.pipe(
  v.string(),
  v.check(
    (text) => parseIpv4(text) !== undefined,
    (issue) => `Expected an IPv4 address but received ${JSON.stringify(issue.input)}`,
  ),
);
const range = v.pipe(
  v.string(),
  v.check(
    (text) => parseCidr(text) !== undefined,
    (issue) => `Expected a range a.b.c.d/n but received ${JSON.stringify(issue.input)}`,
  ),
);
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));
const id = v.pipe(v.number(), v.safeInteger());
const flag = v.nullish(v.boolean());
const proto = v.literal("tcp");
const ipPort = v.object({ ip: address, port, proto });
/** A proxy. Go never leaves an object out, so one that is off comes as `{}`, or with "". */
const listen = v.nullish(v.pipe(
  v.object({ listen: v.nullish(v.string(), "") }),
  v.transform(({ listen }) => listen === "" ? undefined : { listen }),
));

/** Any control message. */
export const MESSAGE: Schema<ControlMessage> = v.variant("type", [
  v.object({
    type: v.literal("request"),
    body: object({ id, op: v.string(), args: v.optional(v.unknown()) }),
  }),
  v.object({
    type: v.literal("result"),
    body: object({
      request_id: id,
      op: v.string(),
      error: v.optional(v.unknown()),
      data: v.optional(v.unknown()),
    }),
  }),
  v.object({
    type: v.literal("event"),
    body: object({ type: v.string(), data: v.optional(v.unknown()) }),
  }),
]);

/** Arguments of `configure`. */
export const CONFIGURE_ARGS: Schema<ConfigureArgs> = object({
  me: address,
  forwards: list(v.object({
    listen_port: port,
    connect_ip: v.pipe(v.string(), v.nonEmpty()),
    connect_port: port,
    proto,
  })),
  others: list(ipPort),
  hostnameMap: v.nullish(v.record(v.string(), address), {}),
  http: listen,
  socks: listen,
  loopback: v.nullish(object({ disable: flag })),
  stateDir: v.nullish(object({ path: v.nullish(v.string()), disable: flag })),
  writeEtcHosts: flag,
  // NoRouter hands on what the manifest says; a range that is none matches nothing.
  routes: v.nullish(v.array(v.object({
    toCIDR: list(v.string()),
    toHostnameGlob: list(v.string()),
    via: address,
  }))),
  nameServers: v.nullish(v.array(ipPort)),
});

const secret = v.pipe(
  v.string("Expected text"),
  v.nonEmpty("Expected text that is not empty"),
);
/** A password in the wrong place must not come back in a fault that shows what was found. */
const extendProxy = v.nullish(v.object({
  listen: v.pipe(v.string(), v.nonEmpty()),
  auth: v.object(
    { username: secret, password: secret },
    "Expected an object with username and password",
  ),
}, "Expected an object with listen and auth"));

/** Arguments of `extend`. */
export const EXTEND_ARGS: Schema<ExtendArgs> = object({
  http: extendProxy,
  socks: extendProxy,
  exceptions: v.nullish(v.array(v.object({
    route: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    hostnames: list(v.string()),
  }))),
  aliases: v.nullish(v.array(v.string())),
  resolveFor: v.nullish(v.array(v.union([v.literal("*"), address]))),
});

/** Text from an agent that is shown or kept. */
function shortText(most: number) {
  return v.pipe(
    v.string(),
    v.check(({ length }) => length <= most, `Expected at most ${most} characters`),
  );
}

/** Result of `configure`. */
export const CONFIGURE_DATA: Schema<ConfigureData> = v.object({
  features: shortList(shortText(64), 256),
  version: v.nullish(shortText(256), ""),
});

/** Event `hostDown`. */
export const HOST_DOWN: Schema<HostDown> = v.object({ ip: address, ranges: list(range) });

/** Event `routeSuggestion`. */
export const ROUTE_SUGGESTION: Schema<RouteSuggestion> = v.object({
  ip: shortList(address, 512),
  route: address,
});

/** Result of `status`, event `listeners`. */
export const AGENT_STATUS: Schema<AgentStatus> = object({
  listeners: shortList(
    object({
      address: shortText(64),
      kind: v.picklist(["loopback", "http", "socks", "dns"]),
      error: v.nullish(v.object({ code: shortText(64), message: shortText(2000) })),
    }),
    65_536,
  ),
  machine: v.nullish(v.pipe(v.string(), v.maxLength(200))),
  stack: v.nullish(AGENT_STACK),
});
