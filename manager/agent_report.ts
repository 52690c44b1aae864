/**
 * Agent report: what the agent of a host told of itself last, as long as it is there.
 *
 * @module
 */

import type { AgentStack } from "../wire/control/agent_stack.ts";
import type { AgentStatus, ListenerStatus } from "../wire/control.ts";

/** What one agent told. */
export class AgentReport {
  /** Settles when the first agent of the host told something, or will not. */
  readonly first: Promise<void>;
  readonly #first = Promise.withResolvers<void>();
  /** Settled by what is told next, if somebody waits for it. */
  #next: PromiseWithResolvers<void> | undefined;
  #listeners: readonly ListenerStatus[] = [];
  #machine: string | undefined;
  #stack: AgentStack | undefined;
  #at: number | undefined;

  /** Nothing was told yet. */
  constructor() {
    this.first = this.#first.promise;
  }

  /** Its listeners, as they are as far as it told. */
  get listeners(): readonly ListenerStatus[] {
    return this.#listeners;
  }

  /** What is the same for agents of one machine. */
  get machine(): string | undefined {
    return this.#machine;
  }

  /** What its stack held and had counted. */
  get stack(): AgentStack | undefined {
    return this.#stack;
  }

  /** When it told its status, in milliseconds of the clock; undefined if it did not. */
  get at(): number | undefined {
    return this.#at;
  }

  /** Addresses on which it was to listen and does not. */
  get failedListeners(): readonly string[] {
    return this.#listeners.filter(({ error }) => error).map(({ address }) => address);
  }

  /** Takes its status at the time `now`; whether it is the first of this agent. */
  take({ listeners, machine, stack }: AgentStatus, now: number): boolean {
    const isFirst = this.#at === undefined;
    this.#at = now;
    this.#listeners = listeners;
    this.#machine = machine;
    this.#stack = stack;
    this.#settle();
    return isFirst;
  }

  /** Takes that some listeners are up; gives those of them that had failed. */
  takeUp(listeners: readonly ListenerStatus[]): ListenerStatus[] {
    const failed = new Set(this.failedListeners);
    const up = listeners.filter(({ address }) => failed.has(address));
    const isUp = new Set(up.map(({ address }) => address));
    this.#listeners = this.#listeners.map((status) =>
      isUp.has(status.address) ? { address: status.address, kind: status.kind } : status
    );
    return up;
  }

  /** Calls `ask`, unless an answer is awaited already, and settles with that. */
  async asked(ask: () => void): Promise<void> {
    if (!this.#next) {
      this.#next = Promise.withResolvers();
      ask();
    }
    await this.#next.promise;
  }

  /** It will not tell: it is gone, or does not know how. */
  forget(): void {
    this.#listeners = [];
    this.#machine = this.#stack = this.#at = undefined;
    this.#settle();
  }

  #settle(): void {
    this.#first.resolve();
    this.#next?.resolve();
    this.#next = undefined;
  }
}
