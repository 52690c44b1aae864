/**
 * Pipeline: the inbound side of a link, from decoded frames to the router.
 *
 * @module
 */

import type { Frame } from "../wire/frame.ts";
import { police, type PoliceCounters } from "./police.ts";
import type { Router } from "./route.ts";
import { chain, type Stage } from "./stage.ts";

/** The parts of a pipeline, beside the router. */
export interface PipelineOptions {
  /** The host on the link, which has to be of the router's rules. */
  readonly from: string;
  /** Counted up by police; those of a host outlive its links. */
  readonly counters: PoliceCounters;
  /** Called with the bytes of each frame that police drops, and blames on the host. */
  onDropped?(bytes: number): void;
  /** Sees the frames that police let pass. */
  readonly tap?: Stage | undefined;
  /**
   * Takes each control frame, in order with the packets; an error thrown here ends the
   * pipeline.
   */
  onControl(frame: Frame): void;
}

/**
 * Takes the frames of a link to their end: `police → tap → run`. Settles when the batches
 * end, and rejects with the errors of the batches or of `onControl`.
 */
export function carry(
  router: Router,
  batches: AsyncIterable<Frame[]>,
  options: PipelineOptions,
): Promise<void> {
  const { from, counters, tap } = options;
  const judge = police({
    find: router.finder(from),
    isLate: (frame) => router.isLate(from, frame),
    onForged: (frame) => router.disown(from, frame),
    onDropped: (bytes) => options.onDropped?.(bytes),
    counters,
    pace: router.pace,
  });
  const stages = tap ? chain(judge, tap) : judge;
  return router.run(from, stages(batches), (frame) => options.onControl(frame));
}
