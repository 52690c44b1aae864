/**
 * Senders: the hosts charged for packets that wait in the queues of links.
 *
 * @module
 */

import type { Frame } from "../wire/frame.ts";
import type { Outlet } from "./outlet.ts";

/**
 * A host as a sender, and the weight of its packets in the queues of all links together.
 */
export class Sender {
  /** The host's name, for display. */
  readonly name: string;
  /** Weight of its packets that wait, in bytes, see `fair/backlog.ts`. */
  weight = 0;

  /** A sender without waiting packets. */
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * An outlet that is told who sends, to be fair between senders. Any outlet can stand in.
 */
export interface SharedOutlet extends Outlet {
  /** Takes a frame of `sender`. */
  push(frame: Frame, sender?: Sender): unknown;
}
