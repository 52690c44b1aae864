/**
 * Connections as events: the observations of the router's watcher, in the words of users.
 *
 * @module
 */

import { failureOfIcmp, inWords as failureInWords } from "../../proxy/edge/dial.ts";
import {
  type Connection,
  type ConnectionEnd,
  Connections,
} from "../../router/connections.ts";
import type { Router } from "../../router/route.ts";
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import { formatHostPort } from "../../wire/text.ts";
import type { ConnectionEvent } from "../events.ts";

/** The parts of a mesh that its watcher needs. */
export interface WatchedMesh {
  readonly router: Router;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly emit: (event: ConnectionEvent) => void;
}

/** A watcher that emits an event as each connection is accepted, and as each ends. */
export function connectionsOf({ router, now, emit }: WatchedMesh): Connections {
  const targetOf = (from: string, address: number) => router.table.lookup(from, address);
  const tell = (connection: Connection, end?: ConnectionEnd) => {
    const { opener, target, sent, received, destination, destinationPort } = connection;
    const to = formatHostPort(formatIpv4(destination), destinationPort);
    const isVip = router.table.ownerOf(destination) !== undefined;
    const shown = isVip
      ? `${target}:${destinationPort}`
      : `${to} by ${target ?? "nobody"}`;
    const ms = Math.round(now() - connection.since);
    const how = end && inWords(connection, end);
    const from = formatHostPort(formatIpv4(connection.source), connection.sourcePort);
    emit({
      type: "connection",
      level: "debug",
      host: opener,
      phase: how === undefined ? "opened" : "ended",
      from,
      to,
      ...(target !== undefined && { target }),
      sent,
      received,
      ms,
      ...(how !== undefined && { end: how }),
      message: how === undefined
        ? `Connection ${opener}:${connection.sourcePort} to ${shown} opened after ${ms} ms`
        : `Connection ${opener}:${connection.sourcePort} to ${shown} ${how} after ${ms} ms, ` +
          `${sent} bytes there, ${received} bytes back`,
    });
  };
  return new Connections({
    now,
    targetOf,
    isThere: (host) => router.state(host) !== "down",
    opened: (connection) => tell(connection),
    ended: tell,
  });
}

function inWords({ opener, target }: Connection, end: ConnectionEnd): string {
  switch (end.how) {
    case "closed":
      return "closed";
    case "refused":
      return `refused by ${target}`;
    case "resetByOpener":
      return `reset by ${opener}`;
    case "resetByTarget":
      return `reset by ${target}`;
    case "icmp":
      return `failed at ${target}: ${failureInWords(failureOfIcmp(end.code))}`;
    case "denied":
      return failureInWords("forbidden");
    case "down":
      return end.host === undefined ? "failed: no route" : `ended: ${end.host} is down`;
    case "forgotten":
      return "lost from sight: too many others are open";
  }
}
