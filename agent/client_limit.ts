/**
 * A limit of the clients that an address of this machine serves at once, so that one client
 * cannot take all descriptors: the address may lead to itself, over a name, over an address
 * that only this machine knows to be its own, or over other hosts. Then each connection
 * asks for the next, until the last is refused, with which all of them end.
 *
 * @module
 */
import { descriptorLimit } from "../transports/command/descriptor_limit.ts";

/** Clients of an address at once, however many descriptors there are. */
const MOST_CLIENTS = 10_000;
/**
 * Clients of an address at once, for each descriptor that the process may have: most have
 * two, and some are left for everything else.
 */
const PER_DESCRIPTOR = 3 / 8;

/** How many clients an address serves at once where a process may have so many descriptors. */
export function mostClients(descriptors = descriptorLimit() ?? Infinity): number {
  return Math.max(1, Math.min(MOST_CLIENTS, Math.floor(descriptors * PER_DESCRIPTOR)));
}

/** The clients of an address. */
export class Clients {
  #count = 0;

  /** Counts one more; false if that would be too many. */
  enter(most: number): boolean {
    if (this.#count >= most) return false;
    this.#count++;
    return true;
  }

  /** One of them is gone. */
  readonly leave = (): void => void this.#count--;
}

/** What is told of a client that was one too many. */
export function tooMany(address: string, most: number): string {
  return `a client of ${address} was turned away: ${most} are connected already, as many ` +
    `as the address serves at once; see whether it leads to itself`;
}
