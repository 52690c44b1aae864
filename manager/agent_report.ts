/**
 * Agent report: the state that the agent of a host told last, while that agent lives.
 *
 * @module
 */

import type { AgentServices } from "../wire/control/agent_services.ts";
import type { AgentStack } from "../wire/control/agent_stack.ts";
import type { AgentStatus, ListenerStatus } from "../wire/control/control.ts";
import type { ProcessFigures } from "../wire/control/process_figures.ts";

/** The report of the agent that a host has now. */
export class AgentReport {
  /** Settles when the first agent of the host told something, or will not. */
  readonly first: Promise<void>;
  readonly #first = Promise.withResolvers<void>();
  /** Settled by the next status, if somebody waits for a status. */
  #next: PromiseWithResolvers<void> | undefined;
  #listeners: readonly ListenerStatus[] = [];
  #machine: string | undefined;
  #stack: AgentStack | undefined;
  #services: AgentServices | undefined;
  #process: ProcessFigures | undefined;
  #at: number | undefined;
  /** Whether the next status is news, as the first is. */
  #isNews = true;

  /** Nothing was told yet. */
  constructor() {
    this.first = this.#first.promise;
  }

  /** Its listeners, by its last word on each. */
  get listeners(): readonly ListenerStatus[] {
    return this.#listeners;
  }

  /** An id that agents of one machine share. */
  get machine(): string | undefined {
    return this.#machine;
  }

  /** The statistics of its stack. */
  get stack(): AgentStack | undefined {
    return this.#stack;
  }

  /** Its clients and dials. */
  get services(): AgentServices | undefined {
    return this.#services;
  }

  /** The figures of its process, unless that is this one. */
  get process(): ProcessFigures | undefined {
    return this.#process;
  }

  /** The time of its last status, in milliseconds of the clock; undefined before the first. */
  get at(): number | undefined {
    return this.#at;
  }

  /** Addresses of the listeners that failed. */
  get failedListeners(): readonly string[] {
    return this.#listeners.filter(({ error }) => error).map(({ address }) => address);
  }

  /** The agent has other orders: listeners that its next status tells to have failed are news. */
  expectNews(): void {
    this.#isNews = true;
  }

  /** Takes a status at the time `now`; returns the failed listeners that are news. */
  take(
    { listeners, machine, stack, services, process }: AgentStatus,
    now: number,
  ): ListenerStatus[] {
    const known = new Set(this.failedListeners);
    const news = this.#isNews
      ? listeners.filter(({ address, error }) => error && !known.has(address))
      : [];
    this.#isNews = false;
    this.#at = now;
    this.#listeners = listeners;
    this.#machine = machine;
    this.#stack = stack;
    this.#services = services;
    this.#process = process;
    this.#settle();
    return news;
  }

  /** Marks listeners as up; returns those of them that had failed. */
  takeUp(listeners: readonly ListenerStatus[]): ListenerStatus[] {
    const failed = new Set(this.failedListeners);
    const up = listeners.filter(({ address }) => failed.has(address));
    const isUp = new Set(up.map(({ address }) => address));
    this.#listeners = this.#listeners.map((status) =>
      isUp.has(status.address) ? { address: status.address, kind: status.kind } : status
    );
    return up;
  }

  /** Settles with the next status; calls `ask` unless a status is awaited already. */
  async asked(ask: () => void): Promise<void> {
    if (!this.#next) {
      this.#next = Promise.withResolvers();
      ask();
    }
    await this.#next.promise;
  }

  /** The agent cannot answer any more what it was asked; what it told before still counts. */
  abandon(): void {
    this.#settle();
  }

  /** The agent is gone, or tells no status. */
  forget(): void {
    this.#listeners = [];
    this.#machine = this.#stack = this.#at = undefined;
    this.#services = this.#process = undefined;
    this.#isNews = true;
    this.#settle();
  }

  #settle(): void {
    this.#first.resolve();
    this.#next?.resolve();
    this.#next = undefined;
  }
}
