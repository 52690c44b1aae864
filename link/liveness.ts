/**
 * Whether an agent still lives: pings every 5 s, and gives the agent up after 15 s
 * without any input. After a jump of the clock that may be less: links to agents that
 * outlive them are given up early, since a new link mends more than waiting does.
 *
 * Silence counts only while the manager reads. A machine that slept, or a manager that
 * was stopped for a while, heard nothing either, without the agent being at fault: a jump
 * of the clock starts the count anew, with a ping at once. Nor does the time count by
 * which a busy manager was late to look, or in which it handled input and read no
 * further.
 *
 * @module
 */

import type { Clock } from "./clock.ts";

/** Milliseconds between two pings. */
const PING_EVERY = 5000;
/** Milliseconds of silence after which an agent counts as dead. */
const DEAD_AFTER = 15_000;
/** Milliseconds between two looks at the clocks: how soon a jump is noticed. */
const LOOK_EVERY = 1000;
/** Milliseconds by which a look may be late before it counts as a jump. */
const JUMP = 2500;

/** Callbacks of {@linkcode Liveness}. */
export interface LivenessHooks {
  /** Sends a ping. */
  ping(): void;
  /** Nothing came for too long; called once, after which nothing more happens. */
  dead(reason: string): void;
}

/** Options of {@linkcode Liveness}. */
export interface LivenessOptions {
  /** Milliseconds of silence behind a jump of the clock. Default: as ever. */
  readonly afterJump?: number | undefined;
}

/** Watches one agent, from construction until {@linkcode Liveness.stop}. */
export class Liveness {
  readonly #clock: Clock;
  readonly #hooks: LivenessHooks;
  readonly #afterJump: number;
  /** Milliseconds of silence after which the agent counts as dead now. */
  #patience = DEAD_AFTER;
  #cancel: () => void;
  /**
   * When the agent was last known not to be silent, moved by time that does not count.
   */
  #heardAt: number;
  /** Whether input is still being handled, so that nothing is read. */
  #isBusy = false;
  #pingedAt: number;
  #lookedAt: number;
  #lookedAtWall: number;

  constructor(clock: Clock, hooks: LivenessHooks, options: LivenessOptions = {}) {
    this.#clock = clock;
    this.#hooks = hooks;
    this.#afterJump = options.afterJump ?? DEAD_AFTER;
    this.#heardAt = this.#pingedAt = this.#lookedAt = clock.now();
    this.#lookedAtWall = clock.wall();
    this.#cancel = clock.after(LOOK_EVERY, () => this.#look());
  }

  /** Input came from the agent, of any kind; nothing is read until that is handled. */
  heard(): void {
    this.#isBusy = true;
  }

  /** The input was handled, and reading goes on. */
  listening(): void {
    this.#isBusy = false;
    this.#heardAt = this.#clock.now();
    this.#patience = DEAD_AFTER;
  }

  /** When input came last, at the earliest; milliseconds of the clock. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Ends the watch. */
  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const now = this.#clock.now();
    const wall = this.#clock.wall();
    const late = Math.max(0, now - this.#lookedAt - LOOK_EVERY);
    const gone = Math.max(now - this.#lookedAt, wall - this.#lookedAtWall);
    this.#lookedAt = now;
    this.#lookedAtWall = wall;
    const jumped = gone > LOOK_EVERY + JUMP;
    if (jumped) this.#patience = this.#afterJump;
    if (jumped || this.#isBusy) this.#heardAt = now;
    else this.#heardAt = Math.min(now, this.#heardAt + late);
    if (now - this.#heardAt >= this.#patience) {
      const when = this.#patience < DEAD_AFTER ? " after a jump of the clock" : "";
      this.#hooks.dead(`nothing came from it for ${this.#patience / 1000} s${when}`);
      return;
    }
    if (jumped || now - this.#pingedAt >= PING_EVERY) {
      this.#pingedAt = now;
      this.#hooks.ping();
    }
    this.#cancel = this.#clock.after(LOOK_EVERY, () => this.#look());
  }
}
