/**
 * Suggestions: addresses that agents say lie behind a host, since a name led them there.
 *
 * @module
 */

/** Suggested addresses remembered per agent; the oldest is forgotten first. */
export const LEARNT_LIMIT = 512;
/** Names remembered per address; the oldest is forgotten first. */
export const NAMES_LIMIT = 8;

/** Where an address leads, and the names that led there. */
interface Suggestion {
  readonly via: string;
  /** Never changed, since connections keep it; the latest name last. */
  readonly names: readonly string[];
}

const NO_NAMES: readonly string[] = [];

/** The suggestions of the agents, each for itself; the table says which count. */
export class Suggestions {
  /** Per sending host, by the suggested address, the oldest first. */
  readonly #learnt = new Map<string, Map<number, Suggestion>>();

  /** Name of the host that the agent of `from` suggested for `address`. */
  of(from: string, address: number): string | undefined {
    return this.#learnt.get(from)?.get(address)?.via;
  }

  /** The names by which the agent of `from` suggested a host for `address`. */
  namesOf(from: string, address: number): readonly string[] {
    return this.#learnt.get(from)?.get(address)?.names ?? NO_NAMES;
  }

  /** How many are remembered of the agent of `from`. */
  countOf(from: string): number {
    return this.#learnt.get(from)?.size ?? 0;
  }

  /** The agent of `from` suggests the host `via` for `address`, to which `names` led. */
  add(from: string, address: number, { via, names }: Suggestion): void {
    let learnt = this.#learnt.get(from);
    if (learnt === undefined) {
      learnt = new Map<number, Suggestion>();
      this.#learnt.set(from, learnt);
    }
    const before = learnt.get(address);
    const known = before?.via === via ? before.names : NO_NAMES;
    learnt.delete(address); // so that the address is the youngest again
    learnt.set(address, { via, names: together(known, names) });
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
      for (const [address, { via }] of learnt) if (!isVia(via)) learnt.delete(address);
    }
  }
}

/** The names of both, those of `more` last, within the limit. */
function together(
  known: readonly string[],
  more: readonly string[],
): readonly string[] {
  const isNew = more.some((name, at) => known[known.length - more.length + at] !== name);
  if (!isNew) return known;
  return [...new Set([...more.toReversed(), ...known.toReversed()])]
    .slice(0, NAMES_LIMIT).reverse();
}
