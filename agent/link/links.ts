/**
 * Links: those of an agent, one after the other, and what its stack is told of the gaps.
 *
 * ```
 *  attached ── the link ends ──► away ── a lent link has proved itself ──► attached …
 *      └── after `bye`, or without a keeper ──► over ◄── too long away ──┘
 * ```
 *
 * Without a link, and while nothing comes over a link that ought to be busy with pings, no
 * timer of the stack counts: no connection is given up for a gap. The same holds for
 * connections to other hosts that are away.
 *
 * The keeper (`keeper/`) is loaded when a manager asks for one.
 *
 * @module
 */

import { messageOf } from "../../wire/text.ts";
import type { Frame } from "../../wire/frame.ts";
import {
  encodeControl,
  type ResumeAnswer,
  type ResumeWish,
} from "../../wire/control/control.ts";
import type { Keep, Keeper, LentLink } from "../keeper/keeper.ts";
import type { LivingStack } from "../living_stack.ts";
import type { AgentPort } from "./port.ts";
import type { Pump } from "./pump.ts";

/** Ranges of hosts that are away, of which more are not held. */
const MOST_AWAY = 4096;

/** A range of addresses. */
export interface Range {
  readonly network: number;
  readonly prefix: number;
}

/** Options of {@linkcode Links}. */
export interface LinksOptions {
  readonly pump: Pump;
  readonly stack: LivingStack;
  /** Makes a keeper; absent where an agent cannot outlive its link, or a text that says why. */
  readonly keep: Keep | string;
  /** The answer to a manager that is back, after so many milliseconds. */
  readonly answer: (link: LentLink) => Frame;
  readonly warn: (message: string) => void;
}

/** See above. */
export class Links {
  readonly #options: LinksOptions;
  #keeper: Keeper | undefined;
  /** Whether the end of the present link is the end. */
  #isGoodbye = false;
  #isEnded = false;
  /** Hosts that are away, by text. */
  readonly #away = new Map<string, Range>();

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** Tries to outlive links from now on. Never rejects. */
  async keep(wish: ResumeWish): Promise<ResumeAnswer> {
    const { keep, pump, stack } = this.#options;
    if (typeof keep === "string") return { off: keep };
    try {
      const keeper = await keep(wish, {
        onLent: () => pump.leave(),
        onGone: () => pump.leave(),
        reads: () => pump.input?.reads ?? 0,
        onAsked: (wish) => {
          const body = { type: "askedToEnd", data: { wish } };
          pump.send(encodeControl({ type: "event", body }));
        },
        onSilent: () => {
          stack.hold(0, 0);
          pump.input?.onNextRead(() => {
            this.#keeper?.heard();
            stack.resume(0, 0);
          });
        },
      });
      this.#keeper = keeper;
      if (this.#isEnded) await keeper.close();
      return { seconds: wish.seconds };
    } catch (error) {
      return { off: messageOf(error) };
    }
  }

  /** The manager wants the agent, though a newer one asked for its end. */
  wanted(wish: number): void {
    this.#keeper?.wanted(wish);
  }

  /** The present link is the last. */
  bye(): void {
    this.#isGoodbye = true;
  }

  /** Carries links, `port` first, until the end. Rejects if the last one broke. */
  async carry(port: AgentPort): Promise<void> {
    const { pump, stack, warn } = this.#options;
    let fault = await pump.carry(port);
    for (;;) {
      const keeper = this.#keeper;
      if (!keeper || this.#isGoodbye || this.#isEnded) {
        if (fault) throw fault;
        return;
      }
      if (fault) warn(`The link broke: ${fault.message}`);
      stack.hold(0, 0);
      const link = await keeper.next();
      if (pump.failure) throw pump.failure;
      if (!link) return;
      this.#isGoodbye = false;
      fault = await pump.carry(link.port, {
        taken: link.taken,
        first: this.#options.answer(link),
        begun: () => {
          this.#back();
          if (keeper.hasNewer) pump.leave(); // it came before there was a link to leave
        },
      });
    }
  }

  /** Another host is away. */
  hold(range: Range): void {
    if (this.#away.size >= MOST_AWAY) return;
    this.#away.set(`${range.network}/${range.prefix}`, range);
    this.#options.stack.hold(range.network, range.prefix);
  }

  /** Another host is back, or down. */
  release({ network, prefix }: Range): void {
    if (!this.#away.delete(`${network}/${prefix}`)) return;
    this.#options.stack.resume(network, prefix);
  }

  /** The agent does not outlive its link after all. */
  async forget(): Promise<void> {
    const keeper = this.#keeper;
    this.#keeper = undefined;
    await keeper?.close();
  }

  /** Ends the wait for a link, and everything of the keeper. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.forget();
  }

  #back(): void {
    const { pump, stack, warn } = this.#options;
    // Who is away now is told by the manager once more.
    for (const range of [...this.#away.values()]) this.release(range);
    stack.resume(0, 0);
    const lost = pump.takeLost();
    if (lost > 0) {
      warn(`While the link was away ${lost} messages to the manager were lost`);
    }
  }
}
