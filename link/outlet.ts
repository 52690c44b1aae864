/**
 * Outlet: where frames go.
 *
 * @module
 */

import type { Frame } from "../wire/frame.ts";

/** Takes a frame; never waits, never throws; at its limit it drops by its own rules. */
export interface Outlet {
  push(frame: Frame): unknown;
}
