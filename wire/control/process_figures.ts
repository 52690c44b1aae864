/**
 * The figures of a process, as far as its system tells: of an agent, in the result of
 * `status`, and of the manager.
 *
 * @module
 */

import * as v from "valibot";

/** A process at the moment. What its system does not tell is absent. */
export interface ProcessFigures {
  /** Seconds of processor time so far, of user and system. */
  cpuSeconds: number;
  /** Bytes of memory that are resident. */
  residentBytes: number;
  /** When it started, in seconds since 1970. */
  startedAt: number;
  /** Open file descriptors. */
  openFiles?: number;
  /** The most it may have. */
  mostFiles?: number;
}

const figure = v.pipe(v.number(), v.finite(), v.minValue(0));

/** The figures of a process. */
export const PROCESS_FIGURES: v.GenericSchema<unknown, ProcessFigures> = v.object({
  cpuSeconds: figure,
  residentBytes: figure,
  startedAt: figure,
  openFiles: v.exactOptional(figure),
  mostFiles: v.exactOptional(figure),
});
