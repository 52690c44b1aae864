/**
 * The request `configure`: the configuration of a host, and the features of its agent.
 *
 * @module
 */

import * as v from "valibot";
import { check, type Schema } from "./check.ts";
import {
  address,
  flag,
  list,
  object,
  port,
  proto,
  shortList,
  shortText,
} from "./fields.ts";
import {
  RESUME_ANSWER,
  RESUME_WISH,
  type ResumeAnswer,
  type ResumeWish,
} from "./resume.ts";

/** A port this host publishes: listen on `me:listen_port`, dial the target. */
export interface Forward {
  /** Port on the host's VIP, 1 to 65535. */
  listen_port: number;
  /** Address or host name to dial. */
  connect_ip: string;
  /** Port to dial, 1 to 65535. */
  connect_port: number;
  /** Always `tcp` so far. */
  proto: "tcp";
}

/** A port that another host publishes. */
export interface Other {
  /** That host's VIP. */
  ip: string;
  /** The port, 1 to 65535. */
  port: number;
  /** Always `tcp` so far. */
  proto: "tcp";
}

/** A route for the proxies: destinations that the host `via` dials. */
export interface WireRoute {
  /** Ranges as `a.b.c.d/n`. */
  toCIDR: string[];
  /** Patterns of host names. */
  toHostnameGlob: string[];
  /** VIP of the host that dials. */
  via: string;
}

/** A name server of the mesh; same shape as a published port. */
export type NameServer = Other;

/** `args` of the request `configure`, as in wire.md; absent lists become empty ones. */
export interface ConfigureArgs {
  /** This host's VIP. */
  me: string;
  /** Ports this host publishes. */
  forwards: Forward[];
  /** Ports the other hosts publish. */
  others: Other[];
  /** VIP of each host and alias. */
  hostnameMap: Record<string, string>;
  /** HTTP proxy; off when absent or `listen` is empty. */
  http?: {
    /** `address:port`. */
    listen: string;
  };
  /** SOCKS proxy; off when absent or `listen` is empty. */
  socks?: {
    /** `address:port`. */
    listen: string;
  };
  /** Listeners on the machine's own loopback addresses. */
  loopback?: {
    /** Whether there are none. */
    disable?: boolean;
  };
  /** The folder with `hosts` and `hostaliases`. */
  stateDir?: {
    /** Where, `~` not yet expanded. */
    path?: string;
    /** Whether no folder is written. */
    disable?: boolean;
  };
  /** Whether to rewrite the machine's hosts file. */
  writeEtcHosts?: boolean;
  /** Routes for the proxies; the last match wins. */
  routes?: WireRoute[];
  /** Name servers of the mesh. */
  nameServers?: NameServer[];
  /** Whether suggestions tell the names that led to their addresses; ours, as the next. */
  tellNames?: boolean;
  /** Whether the agent is to outlive its link; ours, and unknown to others. */
  resume?: ResumeWish;
}

/** `data` of the result of `configure`. */
export interface ConfigureData {
  /** The agent's features. */
  features: string[];
  /** Its version, for people. */
  version: string;
  /** Whether it outlives its link, if that was asked for. */
  resume?: ResumeAnswer;
}

const ipPort = v.object({ ip: address, port, proto });

/** A proxy. Go never leaves an object out: a proxy that is off is `{}`, or has "". */
const listen = v.nullish(v.pipe(
  v.object({ listen: v.nullish(v.string(), "") }),
  v.transform(({ listen }) => listen === "" ? undefined : { listen }),
));

const CONFIGURE_ARGS: Schema<ConfigureArgs> = object({
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
  // NoRouter passes on the manifest's words; a range that is none matches nothing.
  routes: v.nullish(v.array(v.object({
    toCIDR: list(v.string()),
    toHostnameGlob: list(v.string()),
    via: address,
  }))),
  nameServers: v.nullish(v.array(ipPort)),
  tellNames: flag,
  resume: v.nullish(RESUME_WISH),
});

const CONFIGURE_DATA: Schema<ConfigureData> = object({
  features: shortList(shortText(64), 256),
  version: v.nullish(shortText(256), ""),
  resume: v.nullish(RESUME_ANSWER),
});

/** Reads `args` of the request `configure`. @throws {ControlError} */
export function parseConfigureArgs(args: unknown): ConfigureArgs {
  return check("the arguments of configure", CONFIGURE_ARGS, args);
}

/** Reads `data` of the result of `configure`. @throws {ControlError} */
export function parseConfigureData(data: unknown): ConfigureData {
  return check("the result of configure", CONFIGURE_DATA, data);
}
