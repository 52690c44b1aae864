/**
 * Tap: a stage that shows every frame to an observer, for tracing and packet capture.
 *
 * @module
 */

import type { Frame } from "../wire/frame.ts";
import type { Stage } from "./stage.ts";

/**
 * Calls `see` with each frame on its way. An error of `see` ends the pipeline. A frame is
 * to be kept beyond the call only as `frame.kept()`.
 */
export function tap(see: (frame: Frame) => void): Stage {
  return async function* (batches) {
    for await (const batch of batches) {
      for (const frame of batch) see(frame);
      yield batch;
    }
  };
}
