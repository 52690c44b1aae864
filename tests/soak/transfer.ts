/**
 * A transfer: the tasks of client and server, and the report of each afterwards.
 *
 * @module
 */
import type { Random } from "./random.ts";

/** The most bytes of a direction. */
const MOST_BYTES = 32 * 2 ** 20;

/** Who speaks when: both at once, or first the named direction to its end. */
export type Order = "both" | "up-first" | "down-first";

/** The client's request to the server, as a line of JSON in front of its bytes. */
export interface Transfer {
  readonly id: string;
  /** Of the client's bytes; the server's have the next seed. */
  readonly seed: number;
  /** Bytes from client to server, and from server to client. */
  readonly up: number;
  readonly down: number;
  readonly order: Order;
  /** Who resets the connection, after so many bytes of its own. */
  readonly reset?: { readonly by: "client" | "server"; readonly after: number };
  /** Who reads with pauses. */
  readonly slow?: "client" | "server";
}

/** The view of a side. */
export interface Side {
  readonly id: string;
  /** Bytes received, and the place of the first wrong byte. */
  readonly received: number;
  readonly wrongAt?: number;
  /** How the transfer ended: `end`, `reset`, or the failure. */
  readonly ending: string;
}

/** A client's report of a transfer that is over. */
export interface ClientReport extends Side {
  readonly event: "transfer";
  readonly transfer: Transfer;
  readonly way: string;
  /** The hosts on the way, the client's first, without the manager's. */
  readonly hosts: readonly string[];
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly ended: number;
}

/** A server's report of a transfer that is over. */
export interface ServerReport extends Side {
  readonly event: "served";
  /** The time of the end, in milliseconds since 1970. */
  readonly ended: number;
}

/** A transfer by chance; `isPlain` for bytes alone, as HTTP carries. */
export function anyTransfer(id: string, random: Random, isPlain: boolean): Transfer {
  const plan = {
    id,
    seed: random.below(2 ** 31),
    up: random.size(MOST_BYTES),
    down: random.size(MOST_BYTES),
    order: random.pick<Order>(["both", "both", "up-first", "down-first"]),
  };
  const dice = random.next();
  if (isPlain || dice > 0.4) return { ...plan, ...(isPlain && { order: "up-first" }) };
  if (dice > 0.25) return { ...plan, slow: random.pick(["client", "server"]) };
  const by = random.pick(["client", "server"] as const);
  const own = by === "client" ? plan.up : plan.down;
  // The second speaker may never get its turn, if the first is to be reset.
  return { ...plan, order: "both", reset: { by, after: random.below(own + 1) } };
}
