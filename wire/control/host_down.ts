/**
 * The event `hostDown`: connections to a host that is down end at once.
 *
 * @module
 */

import * as v from "valibot";
import { check, type Schema } from "./check.ts";
import { address, list, range } from "./fields.ts";

/** `data` of the event `hostDown`: abort every connection to these addresses now. */
export interface HostDown {
  /** VIP of the host that is down. */
  ip: string;
  /** Ranges routed to that host, as `a.b.c.d/n`. */
  ranges: string[];
}

const HOST_DOWN: Schema<HostDown> = v.object({ ip: address, ranges: list(range) });

/** Reads `data` of the event `hostDown`. @throws {ControlError} */
export function parseHostDown(data: unknown): HostDown {
  return check("the event hostDown", HOST_DOWN, data);
}
