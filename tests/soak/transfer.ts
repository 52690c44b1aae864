/**
 * One transfer: what client and server are to do, and what each says of it afterwards.
 *
 * @module
 */
import type { Random } from "./random.ts";

/** The most bytes of one direction. */
const MOST_BYTES = 32 * 2 ** 20;

/** Who speaks when: both at once, or one until its end and then the other. */
export type Order = "both" | "up-first" | "down-first";

/** What the client tells the server, as a line of JSON in front of its bytes. */
export interface Transfer {
  readonly id: string;
  /** Of the client's bytes; the server's have the next one. */
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

/** What one side saw. */
export interface Side {
  readonly id: string;
  /** Bytes received, and where the first wrong one was. */
  readonly received: number;
  readonly wrongAt?: number;
  /** How it ended: `end`, `reset`, or what failed. */
  readonly ending: string;
}

/** What a client says of a transfer that is over. */
export interface ClientReport extends Side {
  readonly event: "transfer";
  readonly transfer: Transfer;
  readonly way: string;
  /** The hosts it went through, the client's first, without the manager's. */
  readonly hosts: readonly string[];
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly ended: number;
}

/** What a server says of one. */
export interface ServerReport extends Side {
  readonly event: "served";
  /** When it was over, in milliseconds since 1970. */
  readonly ended: number;
}

/** A transfer by chance; `isPlain` for one that only carries bytes, as HTTP does. */
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
  // Who speaks second may never come to it, if the other is to be reset before.
  return { ...plan, order: "both", reset: { by, after: random.below(own + 1) } };
}
