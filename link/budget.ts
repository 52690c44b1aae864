/**
 * Budgets: how much load a host may cause, on the long run and at once.
 *
 * @module
 */

/** A limit on the load of a host. */
export interface BudgetLimit {
  /** On the long run. */
  readonly perSecond: number;
  /** At once, after a pause that was long enough. */
  readonly burst: number;
}

/** A bucket of tokens that fills as time passes. */
export class Budget {
  readonly #limit: BudgetLimit;
  #left: number;
  #at: number;

  /** Full at the time `now`, in milliseconds. */
  constructor(limit: BudgetLimit, now: number) {
    this.#limit = limit;
    this.#left = limit.burst;
    this.#at = now;
  }

  /** Whether `amount` tokens are there at the time `now`. Takes nothing. */
  has(amount: number, now: number): boolean {
    const { perSecond, burst } = this.#limit;
    this.#left = Math.min(burst, this.#left + (now - this.#at) * perSecond / 1000);
    this.#at = now;
    return this.#left >= amount;
  }

  /** Takes `amount`, after {@linkcode Budget.has} said yes. */
  take(amount: number): void {
    this.#left -= amount;
  }
}

/** A limit on pieces and on their bytes, or characters. */
export interface AllowanceLimits {
  readonly pieces: BudgetLimit;
  readonly bytes: BudgetLimit;
}

/** Lets pieces pass as long as neither they nor their bytes are too many. */
export class Allowance {
  readonly #pieces: Budget;
  readonly #bytes: Budget;

  /** Both budgets are full at the time `now`, in milliseconds. */
  constructor({ pieces, bytes }: AllowanceLimits, now: number) {
    this.#pieces = new Budget(pieces, now);
    this.#bytes = new Budget(bytes, now);
  }

  /**
   * Whether a piece of `bytes` may pass at the time `now`; if so, charges the budgets.
   */
  admits(bytes: number, now: number): boolean {
    if (!this.#pieces.has(1, now) || !this.#bytes.has(bytes, now)) return false;
    this.#pieces.take(1);
    this.#bytes.take(bytes);
    return true;
  }
}
