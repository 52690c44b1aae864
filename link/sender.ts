/**
 * Senders: who is charged for what waits in the queues of links.
 *
 * @module
 */

import type { Frame } from "../wire/frame.ts";
import type { Outlet } from "./outlet.ts";

/** A host as a sender; what of its packets waits, in the queues of all links together. */
export class Sender {
  /** The host's name, for whoever looks. */
  readonly name: string;
  /** Weight of its packets that wait, in bytes, see `fair/backlog.ts`. */
  weight = 0;

  /** A sender of which nothing waits. */
  constructor(name: string) {
    this.name = name;
  }
}

/** An outlet that is told who sends, to be fair between senders. Any outlet can stand for one. */
export interface SharedOutlet extends Outlet {
  /** Takes a frame of `sender`. */
  push(frame: Frame, sender?: Sender): unknown;
}
