/**
 * Crowding: hosts that ask for more connections than their share, told once a minute each.
 *
 * @module
 */

import { formatIpv4 } from "../wire/ip/ipv4.ts";

const PERIOD_MS = 60_000;
/** Hosts remembered; the host told of longest ago is forgotten first. */
const MOST_HOSTS = 256;

/** Options of a {@linkcode Crowding}. */
export interface CrowdingOptions {
  /** Takes a line of text for people. */
  readonly warn: (message: string) => void;
  /** Milliseconds. */
  readonly now: () => number;
}

/** The time of the last warning about each host. */
export class Crowding {
  readonly #options: CrowdingOptions;
  readonly #told = new Map<number, number>();

  constructor(options: CrowdingOptions) {
    this.#options = options;
  }

  /** SYNs of the host at `address` were dropped; `count` is of all hosts since the start. */
  note(address: number, count: number): void {
    const { warn, now } = this.#options;
    const time = now();
    const told = this.#told.get(address);
    if (told !== undefined && time - told < PERIOD_MS) return;
    this.#told.delete(address);
    this.#told.set(address, time);
    if (this.#told.size > MOST_HOSTS) this.#told.delete(this.#told.keys().next().value!);
    warn(
      `${formatIpv4(address)} asks for more connections than one host may have here, ` +
        `so its next ones wait (${count} SYNs dropped so far)`,
    );
  }
}
