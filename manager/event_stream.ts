/**
 * Events as an async iterator: a bounded buffer between who tells and who reads.
 *
 * Who tells never waits. A reader that does not keep up loses the oldest, and reads in their
 * place how many they were.
 *
 * @module
 */

import type { EventBase } from "./events.ts";

/** Events that wait for a reader, unless told otherwise. */
export const MOST_EVENTS = 1000;

/** The reader was too slow: events that came before the next one are lost. */
export interface LostEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "lost";
  /** Their number. */
  readonly count: number;
}

/** Items on their way to one reader. */
export class EventStream<Item> implements AsyncIterableIterator<Item | LostEvent> {
  readonly #limit: number;
  readonly #onEnd: () => void;
  #waiting: Item[] = [];
  #lost = 0;
  #isOver = false;
  #changed = Promise.withResolvers<void>();

  /**
   * @param limit the most items that wait.
   * @param onEnd called once, when the reader has gone or all is over.
   */
  constructor(limit: number, onEnd: () => void = () => {}) {
    if (!(Number.isSafeInteger(limit) && limit > 0)) {
      throw new RangeError(`Events wait for a reader: wanted 1 or more, not ${limit}`);
    }
    this.#limit = limit;
    this.#onEnd = onEnd;
  }

  /** Takes an item; nothing happens after the end. */
  push(item: Item): void {
    if (this.#isOver) return;
    if (this.#waiting.length === this.#limit) {
      this.#waiting.shift();
      this.#lost++;
    }
    this.#waiting.push(item);
    this.#notify();
  }

  /** No more come; those that wait can be read. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
    this.#notify();
  }

  async next(): Promise<IteratorResult<Item | LostEvent, undefined>> {
    for (;;) {
      if (this.#lost > 0) {
        const count = this.#lost;
        this.#lost = 0;
        return { done: false, value: lost(count) };
      }
      if (this.#waiting.length > 0) return { done: false, value: this.#waiting.shift()! };
      if (this.#isOver) return { done: true, value: undefined };
      await this.#changed.promise;
    }
  }

  /** The reader goes away: what waits is forgotten. */
  return(): Promise<IteratorResult<Item | LostEvent, undefined>> {
    this.#waiting = [];
    this.#lost = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function lost(count: number): LostEvent {
  const events = count === 1 ? "1 event was" : `${count} events were`;
  const message = `${events} lost here: they were not read in time`;
  return { type: "lost", level: "warn", count, message };
}
