/**
 * Writer: the loop that empties a queue into its link.
 *
 * One write is outstanding at a time. Frames pushed meanwhile go with the next writes,
 * about 128 KiB each: an idle link writes a packet at once, a busy link writes many
 * together, and no timer is involved. Smaller writes cost wake-ups, larger ones only
 * delay.
 *
 * The agent in this process asks for frames when ready, and they are copied into its
 * memory (`handover.ts`), as many bytes at a time as in a write.
 *
 * @module
 */

import { type Pace, Turn } from "../../wire/turn.ts";
import { handoverOf, type Source } from "../handover.ts";

/** Bytes of a write, unless told otherwise. */
export const WRITE_BYTES: number = 128 * 1024;

/** Options of a writer. */
export interface DrainOptions {
  /** Bytes of a write, about. Default {@linkcode WRITE_BYTES}. */
  readonly writeBytes?: number;
  /** Whether a settled write means that the link no longer looks at the chunk. */
  readonly releases?: boolean;
  /** Lets others go on between writes that are never waited for, as those in memory. */
  readonly pace?: Pace;
}

/** The queue that a writer empties. */
export interface Drained extends Source {
  /**
   * Takes waiting frames as buffers to write in order, about `maxBytes`; empty if none
   * wait.
   */
  take(maxBytes: number): Uint8Array[];
  /** A write has settled. */
  wrote(bytes: number): void;
  /** All frames taken are written; `isReleased` if their memory may be used again. */
  letGo(isReleased: boolean): void;
  /** No waiting frame will be taken any more. */
  discard(): void;
}

/**
 * Empties `queue` into `writable`, one write at a time. Returns when the queue is over,
 * all frames are written and `writable` is closed.
 *
 * @throws the error of a write; then the waiting frames are discarded.
 */
export async function drain(
  queue: Drained,
  writable: WritableStream<Uint8Array>,
  options: DrainOptions = {},
): Promise<void> {
  const { writeBytes = WRITE_BYTES, releases = false, pace } = options;
  try {
    const handover = handoverOf(writable);
    if (handover === undefined) {
      return await write(queue, writable, { writeBytes, releases, pace });
    }
    await handover.serve({
      takeInto: (into) => queue.takeInto(into.subarray(0, writeBytes)),
      isOver: () => queue.isOver(),
      whenMore: (wake) => queue.whenMore(wake),
    });
  } finally {
    queue.discard();
  }
}

interface WriteOptions {
  readonly writeBytes: number;
  readonly releases: boolean;
  readonly pace: Pace | undefined;
}

async function write(
  queue: Drained,
  writable: WritableStream<Uint8Array>,
  { writeBytes, releases, pace }: WriteOptions,
): Promise<void> {
  const turn = pace && new Turn(pace);
  const writer = writable.getWriter();
  let hasFailed = false;
  let wake = () => {};
  // So that a link that ends while nothing is written does not go unnoticed.
  writer.closed.catch(() => {
    hasFailed = true;
    wake();
  });
  try {
    while (!hasFailed) {
      turn?.begin();
      const writes = queue.take(writeBytes);
      turn?.end();
      if (writes.length === 0) {
        if (queue.isOver()) break;
        await new Promise<void>((resolve) => queue.whenMore(wake = resolve));
      }
      for (const bytes of writes) {
        await writer.write(bytes);
        queue.wrote(bytes.length);
      }
      queue.letGo(releases);
      if (turn?.isOver()) await turn.rest();
    }
    await (hasFailed ? writer.closed : writer.close());
  } finally {
    writer.releaseLock();
  }
}
