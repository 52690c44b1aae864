/**
 * Remains: routed connections that are over here, and may not be at their ends.
 *
 * Each end was sent a reset, with the number that it had acknowledged. A queue that was full
 * may have lost it, and the number may be of before: the end then goes on, for ever if it has
 * nothing to say. What an end does say meets a reset with the right number, as it is of no
 * connection (`routed.ts`). So the ends are provoked for some time.
 *
 * @module
 */

import type { Delivery } from "./delivery.ts";
import type { Flow } from "./flow.ts";
import type { FlowTable } from "./flows.ts";
import type { Members } from "./members.ts";
import { AT_ONCE, MOST_TRIES, provoke } from "./provocation.ts";

/** Connections that are remembered; of more, the oldest are left to themselves. */
const MOST = 65_536;

/** What is needed to provoke. */
export interface RemainsParts {
  /** Connections that go on. */
  readonly flows: FlowTable;
  readonly members: Members;
  readonly delivery: Delivery;
}

/** The remains of a router's connections. */
export class Remains {
  readonly #parts: RemainsParts;
  /** How often the ends were provoked; those to be provoked next are first. */
  readonly #tries = new Map<Flow, number>();

  /** There are none. */
  constructor(parts: RemainsParts) {
    this.#parts = parts;
  }

  /** How many there are. */
  get size(): number {
    return this.#tries.size;
  }

  /** A connection was aborted. */
  add(flow: Flow): void {
    if (this.#tries.size >= MOST) this.#tries.delete(this.#tries.keys().next().value!);
    this.#tries.set(flow, 0);
  }

  /** Provokes ends, and returns how many connections are left. To be called now and then. */
  pursue(): number {
    const { flows, members } = this.#parts;
    for (const [flow, tries] of [...this.#tries.entries().take(AT_ONCE)]) {
      this.#tries.delete(flow);
      // Its ports may be in use again.
      if (tries >= MOST_TRIES || flows.hasSame(flow)) continue;
      const isAway = [flow.initiator, flow.via].some((name) =>
        members.named(name)?.presence === "away"
      );
      provoke(flow, this.#parts, { tries, done: 0 });
      this.#tries.set(flow, isAway ? tries : tries + 1);
    }
    return this.#tries.size;
  }
}
