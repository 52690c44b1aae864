/**
 * What a control socket is about.
 *
 * @module
 */

import type { Mesh } from "../manager/contract.ts";
import type { Around } from "../router/forwarding.ts";
import type { LiveRules } from "../manager/reload/live_rules.ts";
import type { Live } from "../manager/reload/live.ts";

/** What the socket controls. */
export interface Controlled {
  readonly mesh: Pick<Mesh, "status" | "events" | "ping" | "manifest"> & {
    readonly rules: LiveRules;
    /** Has a watch look on at all packets; for the captures of this socket alone. */
    watch(around: Around | undefined): void;
  };
  /** Changes the mesh. */
  readonly live: Live;
  /** The version of the program. */
  readonly version: string;
  /** Asks the mesh to end. */
  readonly down: () => void;
}
