/**
 * Stages: what a pipeline of frames is made of.
 *
 * @module
 */

import type { Frame } from "../wire/frame.ts";

/**
 * One step of a pipeline: batches of frames in, batches out. A batch belongs to the stage
 * that got it, which may change the array and pass it on; the bytes of frames are never
 * changed, only what is carried along with them. An empty batch is never passed on.
 * Returning early, the iterator ends what feeds it.
 */
export type Stage = (batches: AsyncIterable<Frame[]>) => AsyncIterable<Frame[]>;

/** Joins stages into one; the first is the one that sees the frames first. */
export function chain(...stages: Stage[]): Stage {
  return (batches) => stages.reduce((fed, stage) => stage(fed), batches);
}
