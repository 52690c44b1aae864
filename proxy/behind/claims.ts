/**
 * Claims: who may say at the moment which host an address lies behind.
 *
 * Two bastions can have the same private addresses. The manager sends a connection where
 * the last suggestion for its address points at the moment its SYN passes, so a
 * suggestion of another host for the same address has to wait until then: a connection
 * holds the address until its SYN is on the link, behind its suggestion and ahead of the
 * next suggestion. Whether the SYN is answered is of no account: the manager binds the
 * connection to the host (`router/flows.ts`) and sends the SYN there again when that is
 * repeated. Holders of the same address and host go together, unless somebody waits
 * already. An address that comes free goes to the host of whoever waits longest, and to
 * all who wait for that host: so a wait is bounded by the number of hosts.
 *
 * @module
 */

interface Claim {
  via: number;
  holders: number;
  /** Longest first. */
  readonly waiting: Set<Waiter>;
}

interface Waiter {
  readonly via: number;
  readonly go: () => void;
}

/** The addresses held at the moment. */
export class Claims {
  readonly #claims = new Map<number, Claim>();

  /** How many addresses are held. */
  get size(): number {
    return this.#claims.size;
  }

  /**
   * Runs `work` while `address` is held for `via`. Rejects with the signal's reason if
   * that is aborted before the turn comes.
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
    if (!claim) {
      claim = { via, holders: 1, waiting: new Set() };
      this.#claims.set(address, claim);
    } else if (claim.via === via && claim.waiting.size === 0) claim.holders++;
    else await turn(claim, via, signal);
    try {
      return await work();
    } finally {
      claim.holders--;
      admit(claim);
      if (claim.holders === 0) this.#claims.delete(address);
    }
  }
}

/** Settles as a holder of `claim`. */
async function turn(claim: Claim, via: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve: go, reject } = Promise.withResolvers<void>();
  const waiter: Waiter = { via, go };
  const abort = () => {
    claim.waiting.delete(waiter);
    admit(claim); // waiters behind may have waited for this waiter alone
    reject(signal.reason);
  };
  claim.waiting.add(waiter);
  signal.addEventListener("abort", abort);
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Makes holders of those who need not wait any longer. */
function admit(claim: Claim): void {
  const [first] = claim.waiting;
  if (!first || claim.holders > 0 && claim.via !== first.via) return;
  claim.via = first.via;
  for (const waiter of claim.waiting) {
    if (waiter.via !== claim.via) continue;
    claim.waiting.delete(waiter);
    claim.holders++;
    waiter.go();
  }
}
