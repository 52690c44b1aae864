/**
 * Senders: who is charged for what waits in the queues of links.
 *
 * @module
 */

/** A host as a sender; what of its packets waits, in the queues of all links together. */
export class Sender {
  /** The host's name, for whoever looks. */
  readonly name: string;
  /** Weight of its packets that wait, in bytes, see `FairQueue`. */
  weight = 0;

  /** A sender of which nothing waits. */
  constructor(name: string) {
    this.name = name;
  }
}
