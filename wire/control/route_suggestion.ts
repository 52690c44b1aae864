/**
 * The event `routeSuggestion`: behind which host some addresses lie.
 *
 * @module
 */

import * as v from "valibot";
import { check, type Schema } from "./check.ts";
import { address, shortList } from "./fields.ts";

/** `data` of the event `routeSuggestion`: packets to `ip` go to the host `route`. */
export interface RouteSuggestion {
  /** IPv4 addresses. */
  ip: string[];
  /** VIP of the host to send through. */
  route: string;
}

const ROUTE_SUGGESTION: Schema<RouteSuggestion> = v.object({
  ip: shortList(address, 512),
  route: address,
});

/** Reads `data` of the event `routeSuggestion`. @throws {ControlError} */
export function parseRouteSuggestion(data: unknown): RouteSuggestion {
  return check("the event routeSuggestion", ROUTE_SUGGESTION, data);
}
