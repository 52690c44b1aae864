/**
 * Claims: who may say at the moment which host an address lies behind.
 *
 * Two bastions can have the same private addresses. The manager sends a connection where
 * the last suggestion for its address points at the moment its SYN passes, so a suggestion
 * of another host for the same address has to wait until then: it holds the address while
 * its connection opens. Holders of the same address and host go together, unless somebody
 * waits already.
 */

interface Claim {
  readonly via: number;
  holders: number;
  waiting: number;
  readonly freed: Promise<void>;
  readonly free: () => void;
}

/** The addresses held at the moment. */
export class Claims {
  readonly #claims = new Map<number, Claim>();

  /**
   * Runs `work` while `address` is held for `via`. Rejects with the signal's reason if
   * that is aborted while it waits for its turn.
   */
  async hold<T>(
    { address, via, signal }: {
      readonly address: number;
      readonly via: number;
      readonly signal: AbortSignal;
    },
    work: () => Promise<T>,
  ): Promise<T> {
    let claim = this.#claims.get(address);
    while (claim && (claim.via !== via || claim.waiting > 0)) {
      await this.#turn(claim, signal);
      claim = this.#claims.get(address);
    }
    if (!claim) {
      const { promise: freed, resolve: free } = Promise.withResolvers<void>();
      claim = { via, holders: 0, waiting: 0, freed, free };
      this.#claims.set(address, claim);
    }
    claim.holders++;
    try {
      return await work();
    } finally {
      if (--claim.holders === 0) {
        this.#claims.delete(address);
        claim.free();
      }
    }
  }

  async #turn(claim: Claim, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    claim.waiting++;
    try {
      await Promise.race([claim.freed, aborted]);
    } finally {
      claim.waiting--;
      signal.removeEventListener("abort", abort);
    }
  }
}
