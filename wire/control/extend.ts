/**
 * The request `extend`: settings for which NoRouter's `configure` has no fields.
 *
 * @module
 */

import * as v from "valibot";
import { check, type Schema } from "./check.ts";
import { address, list, object, port, proto } from "./fields.ts";

/** A proxy that asks for a password. */
export interface ExtendProxy {
  /** `address:port`. */
  listen: string;
  /** The credentials that a client has to give. */
  auth: {
    /** Not empty. */
    username: string;
    /** Not empty. */
    password: string;
  };
}

/** The names to which a route of `configure` does not apply. */
export interface RouteException {
  /** Which route: its index in `routes` of `configure`, from 0. */
  route: number;
  /** Patterns of the names; ranges are taken out of the route's `toCIDR` beforehand. */
  hostnames: string[];
}

/** `args` of the request `extend`; its result has no data. */
export interface ExtendArgs {
  /** HTTP proxy; off when absent, unless `configure` has one without a password. */
  http?: ExtendProxy;
  /** SOCKS proxy, likewise. */
  socks?: ExtendProxy;
  /** At most one entry for each route. */
  exceptions?: RouteException[];
  /** Those names in `hostnameMap` of `configure` that are aliases. */
  aliases?: string[];
  /**
   * Hosts, by their VIPs, to which the name server tells all names that its host knows,
   * or `*` for all; other hosts are told names of the mesh, and names that a route leads
   * to that host.
   */
  resolveFor?: string[];
  /**
   * Addresses on the agent's machine whose clients are connected into the mesh. Those that
   * listen on the same address take turns. Only for agents with the feature `egress`.
   */
  egress?: ExtendEgress[];
}

/** The feature of an agent that knows `egress`. */
export const EGRESS_FEATURE = "egress";

/** An address that leads into the mesh. */
export interface ExtendEgress {
  /** Always TCP so far. */
  proto: "tcp";
  /** `address:port`. */
  listen: string;
  /** A name or an address. */
  connect_host: string;
  /** The port there. */
  connect_port: number;
}

const secret = v.pipe(
  v.string("Expected text"),
  v.nonEmpty("Expected text that is not empty"),
);

/** A password in the wrong place must not come back in a fault that shows the value. */
const extendProxy = v.nullish(v.object({
  listen: v.pipe(v.string(), v.nonEmpty()),
  auth: v.object(
    { username: secret, password: secret },
    "Expected an object with username and password",
  ),
}, "Expected an object with listen and auth"));

const EXTEND_ARGS: Schema<ExtendArgs> = object({
  http: extendProxy,
  socks: extendProxy,
  exceptions: v.nullish(v.array(v.object({
    route: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    hostnames: list(v.string()),
  }))),
  aliases: v.nullish(v.array(v.string())),
  resolveFor: v.nullish(v.array(v.union([v.literal("*"), address]))),
  egress: v.nullish(v.array(v.object({
    proto,
    listen: v.pipe(v.string(), v.nonEmpty()),
    connect_host: v.pipe(v.string(), v.nonEmpty()),
    connect_port: port,
  }))),
});

/** Reads `args` of the request `extend`; no fault shows a password. @throws {ControlError} */
export function parseExtendArgs(args: unknown): ExtendArgs {
  return check("the arguments of extend", EXTEND_ARGS, args);
}
