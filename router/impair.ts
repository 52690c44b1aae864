/**
 * Impair: a stage that loses and delays frames like a bad network, repeatably.
 *
 * @module
 */

import type { Frame } from "../wire/frame.ts";
import { FrameType } from "../wire/frame.ts";
import type { Stage } from "./stage.ts";

/** Options of {@linkcode impair}. */
export interface ImpairOptions {
  /** Share of packets that get lost, from 0 to 1. Control frames are never lost. Default 0. */
  readonly loss?: number;
  /** Milliseconds each batch is held back. Order is kept. Default 0. */
  readonly delay?: number;
  /** Seed of the losses: the same seed and frames lose the same frames. Default 1. */
  readonly seed?: number;
  /**
   * Bytes that may be under way; beyond that nothing more is taken in, as if the link were
   * full. Default 64 MiB.
   */
  readonly limitBytes?: number;
  /** The time in milliseconds. Default `performance.now`. */
  readonly now?: () => number;
  /** Waits for some milliseconds. Default a timer. */
  readonly sleep?: (ms: number) => Promise<void>;
}

/** A stage that impairs what passes through it. */
export function impair(options: ImpairOptions = {}): Stage {
  const { loss = 0, delay = 0, seed = 1 } = options;
  return (batches) => {
    const lossy = loss > 0 ? lose(batches, loss, xorshift(seed)) : batches;
    return delay > 0 ? hold(lossy, delay, options) : lossy;
  };
}

async function* lose(
  batches: AsyncIterable<Frame[]>,
  loss: number,
  random: () => number,
): AsyncGenerator<Frame[], void, void> {
  for await (const batch of batches) {
    const kept = batch.filter((frame) =>
      frame.type === FrameType.JSON || random() >= loss
    );
    if (kept.length > 0) yield kept;
  }
}

/** Takes in while it gives out, since a delay is not a limit of speed. */
async function* hold(
  batches: AsyncIterable<Frame[]>,
  delay: number,
  options: ImpairOptions,
): AsyncGenerator<Frame[], void, void> {
  const now = options.now ?? (() => performance.now());
  const sleep = options.sleep ??
    ((ms) => new Promise<void>((resolve) => setTimeout(resolve, ms)));
  const limit = options.limitBytes ?? 64 << 20;
  const held: { batch: Frame[]; due: number; bytes: number }[] = [];
  let bytes = 0;
  let isOver = false;
  let error: unknown;
  let hasFailed = false;
  let changed = Promise.withResolvers<void>();
  const notify = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };

  // Ends by itself; what feeds it cannot be interrupted in the middle of a step.
  (async () => {
    try {
      for await (const batch of batches) {
        for (let i = 0; i < batch.length; i++) batch[i] = batch[i]!.kept();
        const size = batch.reduce((sum, frame) => sum + frame.bytes.length, 0);
        held.push({ batch, due: now() + delay, bytes: size });
        bytes += size;
        notify();
        while (bytes >= limit && !isOver) await changed.promise;
        if (isOver) return;
      }
    } catch (thrown) {
      error = thrown;
      hasFailed = true;
    } finally {
      isOver = true;
      notify();
    }
  })();
  try {
    while (held.length > 0 || !isOver) {
      const next = held[0];
      if (next === undefined) {
        await changed.promise;
        continue;
      }
      const wait = next.due - now();
      if (wait > 0) await sleep(wait);
      held.shift();
      bytes -= next.bytes;
      notify();
      yield next.batch;
    }
    if (hasFailed) throw error;
  } finally {
    isOver = true;
    notify();
  }
}

/** Numbers from 0 to below 1, the same for the same seed (Marsaglia's xorshift, 32 bits). */
function xorshift(seed: number): () => number {
  // Small seeds would begin with small numbers.
  let state = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
