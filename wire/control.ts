/**
 * Control messages: the JSON frames between manager and agent, strictly decoded.
 *
 * A wrong type is an error that names the place and the value. An unknown field is left
 * out, because a newer peer may have added it, and `null` counts as absent, because
 * NoRouter (Go) writes empty lists so.
 *
 * Ours, each announced in `features` and used only with a peer that announced it: the
 * requests `ping`, `status` and `extend`, the event `hostDown`.
 *
 * @module
 */

import * as v from "valibot";
import {
  AGENT_STATUS,
  CONFIGURE_ARGS,
  CONFIGURE_DATA,
  EXTEND_ARGS,
  HOST_DOWN,
  MESSAGE,
  ROUTE_SUGGESTION,
  type Schema,
} from "./_control_schema.ts";
import type { AgentStack } from "./control/agent_stack.ts";
import { encodeFrame, type Frame, FrameType } from "./frame.ts";
import { isDeeper } from "./json_depth.ts";

/** Lists and objects within each other that a control message may have; ours have six. */
export const MOST_DEPTH = 32;

/** Characters of a fault that are told; what is wrong may be as long as its message. */
const MOST_FAULT = 500;

/** A control message that cannot be understood; the message says where and why. */
export class ControlError extends Error {
  /** Tells it from other errors. */
  override name = "ControlError";
}

/** What a JSON frame holds: a request to an agent, its result, or an event. */
export type ControlMessage =
  | {
    /** Manager to agent. */
    type: "request";
    /** `op` is `configure`, `extend`, `ping` or `status`; the result repeats `id`. */
    body: { id: number; op: string; args?: unknown };
  }
  | {
    /** Agent to manager. */
    type: "result";
    /** The answer to the request with that id; `error` is absent on success. */
    body: { request_id: number; op: string; error?: unknown; data?: unknown };
  }
  | {
    /** Either way, without an answer. */
    type: "event";
    /** `type` is `routeSuggestion`, `listeners` or `hostDown`. */
    body: { type: string; data?: unknown };
  };

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

/** A route for the proxies: what goes to the host `via`. */
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
    /** Whether it is not written. */
    disable?: boolean;
  };
  /** Whether to rewrite the machine's hosts file. */
  writeEtcHosts?: boolean;
  /** Routes for the proxies; the last match wins. */
  routes?: WireRoute[];
  /** Name servers of the mesh. */
  nameServers?: NameServer[];
}

/** `data` of the result of `configure`. */
export interface ConfigureData {
  /** What this agent can do. */
  features: string[];
  /** Its version, for people. */
  version: string;
}

/** A proxy that asks for a password. */
export interface ExtendProxy {
  /** `address:port`. */
  listen: string;
  /** What a client has to give. */
  auth: {
    /** Not empty. */
    username: string;
    /** Not empty. */
    password: string;
  };
}

/** What a route of `configure` does not apply to. */
export interface RouteException {
  /** Which route: its index in `routes` of `configure`, from 0. */
  route: number;
  /** Patterns of the names; ranges are taken out of the route's `toCIDR` beforehand. */
  hostnames: string[];
}

/** `args` of the request `extend`: what `configure` has no fields for. */
export interface ExtendArgs {
  /** HTTP proxy; off when absent, unless `configure` has one without a password. */
  http?: ExtendProxy;
  /** SOCKS proxy, likewise. */
  socks?: ExtendProxy;
  /** At most one for each route. */
  exceptions?: RouteException[];
  /** Those names in `hostnameMap` of `configure` that are aliases. */
  aliases?: string[];
  /**
   * Hosts, by their VIPs, to which the name server tells all names that its host knows, or
   * `*` for all; else they are told those of the mesh, and those that a route leads to it.
   */
  resolveFor?: string[];
}

/** `data` of the event `hostDown`: abort every connection to these addresses now. */
export interface HostDown {
  /** VIP of the host that is down. */
  ip: string;
  /** Ranges routed to it, as `a.b.c.d/n`. */
  ranges: string[];
}

/** `data` of the event `routeSuggestion`: packets to `ip` go to the host `route`. */
export interface RouteSuggestion {
  /** IPv4 addresses. */
  ip: string[];
  /** VIP of the host to send through. */
  route: string;
}

/** One real listener of an agent, as told by the result of `status`. */
export interface ListenerStatus {
  /** `address:port`. */
  address: string;
  /** What listens there; `dns` is a mesh's name server, on the real `VIP:10053`. */
  kind: "loopback" | "http" | "socks" | "dns";
  /** Why it does not listen; absent if it does. */
  error?: {
    /** `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL` or another short code. */
    code: string;
    /** The system's words. */
    message: string;
  };
}

/** `data` of the result of `status`, and of the event `listeners`. */
export interface AgentStatus {
  /**
   * Every listener the configuration asks for, whether it is up or not; in the event those
   * that had failed and are up now.
   */
  listeners: ListenerStatus[];
  /** The same for agents that share loopback addresses, if they know. */
  machine?: string;
  /** What its TCP/IP stack holds and has counted; absent in the event. */
  stack?: AgentStack;
}

/** Puts a message into a JSON frame. */
export function encodeControl(message: ControlMessage): Frame {
  return encodeFrame(FrameType.JSON, new TextEncoder().encode(JSON.stringify(message)));
}

/**
 * Reads the payload of a JSON frame. What `args` and `data` hold is read by the functions
 * below.
 *
 * @throws {ControlError} if it is not JSON, too deep, or not a control message.
 */
export function decodeControl(payload: Uint8Array): ControlMessage {
  if (isDeeper(payload, MOST_DEPTH)) {
    throw new ControlError(
      `Cannot read a control message of ${payload.length} bytes: its lists and objects ` +
        `lie more than ${MOST_DEPTH} deep within each other`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch (cause) {
    throw new ControlError(
      `Cannot read a control message of ${payload.length} bytes: ${
        cause instanceof Error ? cause.message : cause
      }`,
      { cause },
    );
  }
  return check("a control message", MESSAGE, value);
}

/** Reads `args` of the request `configure`. @throws {ControlError} */
export function parseConfigureArgs(args: unknown): ConfigureArgs {
  return check("the arguments of configure", CONFIGURE_ARGS, args);
}

/** Reads `args` of the request `extend`; no fault shows a password. @throws {ControlError} */
export function parseExtendArgs(args: unknown): ExtendArgs {
  return check("the arguments of extend", EXTEND_ARGS, args);
}

/** Reads `data` of the result of `configure`. @throws {ControlError} */
export function parseConfigureData(data: unknown): ConfigureData {
  return check("the result of configure", CONFIGURE_DATA, data);
}

/** Reads `data` of the event `hostDown`. @throws {ControlError} */
export function parseHostDown(data: unknown): HostDown {
  return check("the event hostDown", HOST_DOWN, data);
}

/** Reads `data` of the event `routeSuggestion`. @throws {ControlError} */
export function parseRouteSuggestion(data: unknown): RouteSuggestion {
  return check("the event routeSuggestion", ROUTE_SUGGESTION, data);
}

/** Reads `data` of the result of `status`. @throws {ControlError} */
export function parseStatus(data: unknown): AgentStatus {
  return check("the result of status", AGENT_STATUS, data);
}

function check<T>(what: string, schema: Schema<T>, value: unknown): T {
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  if (result.success) return result.output;
  const faults = result.issues.slice(0, 5).map((issue) => {
    const path = (issue.path ?? []).map(({ key }) =>
      typeof key === "number" ? `[${key}]` : `.${key}`
    )
      .join("").replace(/^\./, "");
    const fault = `${path === "" ? "" : `${path}: `}${issue.message}`;
    return fault.length > MOST_FAULT ? `${fault.slice(0, MOST_FAULT)}…` : fault;
  });
  const more = result.issues.length - faults.length;
  throw new ControlError(
    `Cannot read ${what}: ${faults.join("; ")}${more > 0 ? `; and ${more} more` : ""}`,
  );
}
