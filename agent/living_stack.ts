/**
 * The agent's stack, which is made anew when broken.
 *
 * A trap of the module, such as a broken invariant of lwIP, ends an instance: its
 * connections have failed and every further call throws. A new instance takes its place in
 * the same turn and has the same address, so the agent's listeners, names and proxies stay.
 * The other ends are told too, or who only waits there would wait for ever: those of a host
 * that is away, when it is back. The new instance holds the ranges that the old one held.
 *
 * A stack that breaks again and again is no accident: the agent then ends, as its link may
 * have better luck with a new process.
 *
 * @module
 */

import { Stack, type StackStatistics } from "../stack/stack.ts";
import type { TcpConnection, TcpEnds } from "../stack/tcp.ts";
import { type Cidr, contains } from "../wire/ip/ipv4.ts";

/** Breaks that are allowed within {@linkcode PERIOD_MS}. */
export const MOST_BREAKS = 5;
/** See {@linkcode MOST_BREAKS}. */
export const PERIOD_MS = 60_000;
/** Ends that wait to be told: as many as a stack has connections. */
const MOST_UNTOLD = 16_384;

/** Options of a {@linkcode LivingStack}. */
export interface LivingStackOptions {
  readonly module: WebAssembly.Module;
  /** As of {@linkcode Stack}'s options. */
  readonly onSyn: (connection: TcpConnection) => void;
  /** As of {@linkcode Stack}'s options. */
  readonly onTouched: () => void;
  /** As of {@linkcode Stack}'s options. */
  readonly onTurnedAway: (address: number, count: number) => void;
  /** An instance broke and was replaced; its connections, `lost` of them, have failed. */
  readonly onRenewed: (error: Error, lost: number) => void;
  /** The stack broke too often: every further call throws `error`. */
  readonly onGivenUp: (error: Error) => void;
  /** Milliseconds, for the bound. */
  readonly now: () => number;
}

/** A stack that outlives its instances. */
export class LivingStack {
  readonly #options: LivingStackOptions;
  #current: Stack;
  #address: number | undefined;
  #limits: { readonly limit: number; readonly segment: number } | undefined;
  #renewals = 0;
  /** The times of recent breaks. */
  #breaks: number[] = [];
  /** Connections of earlier instances whose other ends are not told yet. */
  #untold: TcpEnds[] = [];
  /** Those among them that are at hosts which are away. */
  #heldUntold: TcpEnds[] = [];
  /** Ranges whose hosts are away. */
  #held: readonly Cidr[] = [];

  /** Makes the first instance, which has no address yet. */
  constructor(options: LivingStackOptions) {
    this.#options = options;
    this.#current = this.#make();
  }

  /** The instance that works now. */
  get current(): Stack {
    return this.#current;
  }

  /** The statistics of the present instance, and the number of renewals. */
  statistics(): StackStatistics & { readonly renewals: number } {
    return { ...this.#current.statistics(), renewals: this.#renewals };
  }

  /** Sets the address (32 bits, host order), which later instances take over. */
  start(address: number): void {
    this.#address = address;
    this.#current.start(address);
  }

  /** As {@linkcode Stack.connect}; also throws if the stack breaks on the way. */
  connect(address: number, port: number): TcpConnection {
    return this.#current.connect(address, port);
  }

  /** As {@linkcode Stack.abortRange}. */
  abortRange(network: number, prefix: number): void {
    const range = { network, prefix };
    const isWithin = (held: Cidr) => {
      return held.prefix >= prefix && contains(range, held.network);
    };
    this.#setHeld(this.#held.filter((held) => !isWithin(held)));
    this.attempt((stack) => stack.abortRange(network, prefix));
  }

  /** As {@linkcode Stack.hold}; later instances take the ranges over. */
  hold(network: number, prefix: number): void {
    this.#setHeld([...this.#otherThan(network, prefix), { network, prefix }]);
    this.attempt((stack) => stack.hold(network, prefix));
  }

  /** As {@linkcode Stack.resume}; 0 if the stack breaks on the way. */
  resume(network: number, prefix: number): number {
    this.#setHeld(this.#otherThan(network, prefix));
    return this.attempt((stack) => stack.resume(network, prefix)) ?? 0;
  }

  /** As {@linkcode Stack.limitOutput}; later instances take the limits over. */
  limitOutput(limit: number, segment: number): void {
    this.#limits = { limit, segment };
    this.attempt((stack) => stack.limitOutput(limit, segment));
  }

  /** As {@linkcode Stack.takeOutput}. */
  takeOutput(onlyFirst = false): Uint8Array<ArrayBuffer> | undefined {
    return this.attempt((stack) => {
      for (let ends = this.#untold.at(-1); ends; ends = this.#untold.at(-1)) {
        if (!stack.knock(ends)) break;
        this.#untold.pop();
      }
      return stack.takeOutput(onlyFirst);
    });
  }

  /** Does `work` on the current instance; undefined if that broke and was replaced. */
  attempt<Result>(work: (stack: Stack) => Result): Result | undefined {
    const stack = this.#current;
    try {
      return work(stack);
    } catch (error) {
      if (error === stack.broken && stack !== this.#current) return undefined;
      throw error;
    }
  }

  #make(): Stack {
    const { module, onSyn, onTouched, onTurnedAway } = this.#options;
    return new Stack(module, {
      seed: crypto.getRandomValues(new Uint32Array(4)),
      onSyn,
      onTouched,
      onTurnedAway,
      onBroken: (error, lost) => this.#renew(error, lost),
    });
  }

  #renew(error: Error, lost: readonly TcpEnds[]): void {
    const { now, onGivenUp, onRenewed } = this.#options;
    const time = now();
    this.#breaks = this.#breaks.filter((at) => time - at < PERIOD_MS);
    this.#breaks.push(time);
    if (this.#breaks.length > MOST_BREAKS) return onGivenUp(error);
    try {
      this.#current = this.#make();
      if (this.#address !== undefined) this.#current.start(this.#address);
      if (this.#limits) {
        this.#current.limitOutput(this.#limits.limit, this.#limits.segment);
      }
      for (const { network, prefix } of this.#held) {
        this.#current.hold(network, prefix);
      }
    } catch (cause) { // no memory for a second instance, perhaps
      return onGivenUp(new Error(`${error.message}; no new one: ${cause}`, { cause }));
    }
    this.#renewals++;
    this.#untold = [...lost, ...this.#untold].slice(0, MOST_UNTOLD);
    this.#sortUntold();
    onRenewed(error, lost.length);
  }

  #otherThan(network: number, prefix: number): readonly Cidr[] {
    return this.#held.filter((held) =>
      held.network !== network || held.prefix !== prefix
    );
  }

  #setHeld(ranges: readonly Cidr[]): void {
    this.#held = ranges;
    this.#sortUntold();
  }

  /** A question to a host that is away would be lost. */
  #sortUntold(): void {
    const all = [...this.#untold, ...this.#heldUntold];
    if (all.length === 0) return;
    const isHeld = ({ remoteAddress }: TcpEnds) => {
      return this.#held.some((range) => contains(range, remoteAddress));
    };
    this.#untold = all.filter((ends) => !isHeld(ends));
    this.#heldUntold = all.filter(isHeld).slice(0, MOST_UNTOLD);
  }
}
