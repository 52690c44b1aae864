/**
 * The way back: what leads to an agent on a host without a shell at once, where the first
 * way takes seconds.
 *
 * What was compared before an agent was started is still there as long as that agent is, for
 * nobody but root can change it. So the next link may run it as it lies. That is tried once:
 * a way by which no agent answered is not taken again, and the next attempt looks at all of
 * it anew.
 *
 * @module
 */

/** The way back to the agent of one host. */
export class WayBack {
  #program: readonly string[] | undefined;

  /** The words of the program there, once; undefined if it has to be looked at. */
  take(): readonly string[] | undefined {
    const program = this.#program;
    this.#program = undefined;
    return program;
  }

  /** `program` leads to an agent, as soon as `answered` settles, which it may never do. */
  keep(program: readonly string[], answered: Promise<unknown> | undefined): void {
    void answered?.then(() => this.#program = program, () => {});
  }
}
