/**
 * Race: one connection to the first of several targets that answers.
 *
 * The SYN to a host that is starting or frozen is held by the manager, so that its dial
 * neither succeeds nor fails. As RFC 8305 does with addresses, the next target is tried
 * *besides* one that has not answered for a second, and at once in place of one that failed.
 * The first connection is taken; the other dials are aborted, and reset if they succeed in
 * the same moment.
 *
 * @module
 */
import type { Connector, Target } from "../proxy/connector.ts";
import type { Upstream } from "../proxy/upstream.ts";

/** Milliseconds after which the next target is tried besides one that is silent. */
export const SLOW_MS = 1000;

/** Options of {@linkcode race}. */
export interface RaceOptions {
  /** Opens the connections. */
  readonly connector: Pick<Connector, "connect">;
  /** Told of each target that was silent for {@linkcode SLOW_MS}. */
  readonly onSlow: (target: Target) => void;
  /** Told of each target whose dial failed while the race went on. */
  readonly onFailure: (target: Target, error: unknown) => void;
  /** Milliseconds after which no further target is tried. */
  readonly limitMs: number;
  /** In place of {@linkcode SLOW_MS}, for tests. */
  readonly slowMs?: number | undefined;
}

/**
 * Connects to the first of the targets that answers, tried in this sequence. Rejects with
 * the last failure when none is left, and when `signal` is aborted with what its dials say.
 */
export function race(
  targets: readonly Target[],
  signal: AbortSignal,
  options: RaceOptions,
): Promise<Upstream> {
  return new Race(targets, signal, options).result;
}

class Race {
  readonly #targets: readonly Target[];
  readonly #signal: AbortSignal;
  readonly #options: RaceOptions;
  readonly #settled = Promise.withResolvers<Upstream>();
  readonly #until: number;
  /** Aborts the dials that are under way. */
  readonly #dials = new Set<AbortController>();
  #tried = 0;
  #isOver = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(targets: readonly Target[], signal: AbortSignal, options: RaceOptions) {
    this.#targets = targets;
    this.#signal = signal;
    this.#options = options;
    this.#until = performance.now() + options.limitMs;
    this.#next();
  }

  get result(): Promise<Upstream> {
    return this.#settled.promise;
  }

  /** Whether another target may be tried. */
  get #hasNext(): boolean {
    return this.#tried < this.#targets.length && performance.now() <= this.#until;
  }

  #next(): void {
    clearTimeout(this.#timer);
    const place = this.#tried++;
    const target = this.#targets[place]!;
    const dial = new AbortController();
    this.#dials.add(dial);
    this.#timer = setTimeout(() => {
      this.#options.onSlow(target);
      if (this.#hasNext) this.#next();
    }, this.#options.slowMs ?? SLOW_MS);
    const signal = AbortSignal.any([this.#signal, dial.signal]);
    this.#options.connector.connect(target.hostname, target.port, signal).then(
      (upstream) => {
        this.#dials.delete(dial);
        if (this.#isOver) upstream.reset();
        else this.#end(() => this.#settled.resolve(upstream));
      },
      (error) => {
        this.#dials.delete(dial);
        if (!this.#isOver) this.#failed(place, error);
      },
    );
  }

  #failed(place: number, error: unknown): void {
    const end = () => this.#end(() => this.#settled.reject(error));
    if (this.#signal.aborted) return end();
    this.#options.onFailure(this.#targets[place]!, error);
    // One after this one may have its second still.
    const isLatest = place === this.#tried - 1;
    if (isLatest && this.#hasNext) this.#next();
    else if (this.#dials.size === 0) end();
    else if (isLatest) clearTimeout(this.#timer); // it was not slow
  }

  #end(settle: () => void): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    settle();
    for (const dial of this.#dials) dial.abort();
  }
}
