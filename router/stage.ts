/**
 * Stages: the steps of a pipeline of frames.
 *
 * @module
 */

import type { Frame } from "../wire/frame.ts";

/**
 * A step of a pipeline: batches of frames in, batches out. A batch belongs to the
 * receiving stage, which may change the array and pass the array on; the bytes of frames
 * are never changed, only the data carried along with frames. An empty batch is never
 * passed on. Returning early, the iterator ends its source.
 */
export type Stage = (batches: AsyncIterable<Frame[]>) => AsyncIterable<Frame[]>;

/** Joins stages; the first sees the frames first. */
export function chain(...stages: Stage[]): Stage {
  return (batches) => stages.reduce((fed, stage) => stage(fed), batches);
}
