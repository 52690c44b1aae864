/**
 * Suggestions: addresses that agents say lie behind a host, since a name led them there.
 *
 * @module
 */

/** Suggested addresses remembered per agent; the oldest is forgotten first. */
export const LEARNT_LIMIT = 512;

/** The suggestions of the agents, each for itself; the table says which count. */
export class Suggestions {
  /** Per sending host: suggested address to name, the oldest first. */
  readonly #learnt = new Map<string, Map<number, string>>();

  /** Name of the host that the agent of `from` suggested for `address`. */
  of(from: string, address: number): string | undefined {
    return this.#learnt.get(from)?.get(address);
  }

  /** How many are remembered of the agent of `from`. */
  countOf(from: string): number {
    return this.#learnt.get(from)?.size ?? 0;
  }

  /** The agent of `from` suggests the host `via` for `address`. */
  add(from: string, address: number, via: string): void {
    let learnt = this.#learnt.get(from);
    if (learnt === undefined) {
      learnt = new Map<number, string>();
      this.#learnt.set(from, learnt);
    }
    learnt.delete(address); // so that the address is the youngest again
    learnt.set(address, via);
    if (learnt.size > LEARNT_LIMIT) learnt.delete(learnt.keys().next().value!);
  }

  /** Forgets the suggestions of the agent of `from`, when that agent is gone. */
  forget(from: string): void {
    this.#learnt.delete(from);
  }

  /** Forgets all suggestions but those by and for hosts that count. */
  keep(isHost: (name: string) => boolean, isVia: (name: string) => boolean): void {
    for (const [from, learnt] of this.#learnt) {
      if (!isHost(from)) this.#learnt.delete(from);
      for (const [address, via] of learnt) if (!isVia(via)) learnt.delete(address);
    }
  }
}
