/**
 * The way back: what leads to an agent on a host without a shell at once, where the first
 * way takes seconds.
 *
 * What was compared before an agent was started is still there as long as that agent is, for
 * nobody but root can change it. So the next link may run it as it lies, after a look at who
 * may change it: a container may be another by now. That is tried once: a way by which no
 * agent answered is not taken again, and the next attempt looks at all of it anew.
 *
 * @module
 */
import type { OpenContext } from "../transports/mod.ts";

/** A program on a host, which was put there and looked at. */
export interface KnownProgram {
  /** The words that start it. */
  readonly words: readonly string[];
  /** Rejects if somebody else may change it. */
  inspect(context: OpenContext): Promise<void>;
}

/** The way back to the agent of one host. */
export class WayBack {
  #program: KnownProgram | undefined;

  /** The program there, once; undefined if all has to be looked at. */
  take(): KnownProgram | undefined {
    const program = this.#program;
    this.#program = undefined;
    return program;
  }

  /** `program` leads to an agent, as soon as `answered` settles, which it may never do. */
  keep(program: KnownProgram, answered: Promise<unknown> | undefined): void {
    void answered?.then(() => this.#program = program, () => {});
  }
}
