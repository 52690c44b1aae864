/**
 * The event `routeSuggestion`: behind which host some addresses lie.
 *
 * @module
 */

import * as v from "valibot";
import { check } from "./check.ts";
import { address, shortList, shortText } from "./fields.ts";

/** `data` of the event `routeSuggestion`: packets to `ip` go to the host `route`. */
export interface RouteSuggestion {
  /** IPv4 addresses. */
  ip: string[];
  /** VIP of the host to send through. */
  route: string;
  /**
   * The names that led to these addresses, for rules of a policy by name. NoRouter's agents
   * send none, and its managers ignore them.
   */
  names?: string[];
}

/** Names of a suggestion at most. */
const MOST_NAMES = 8;
/** Characters of a name at most (RFC 1035, 2.3.4). */
const NAME_LENGTH = 253;

const ROUTE_SUGGESTION = v.object({
  ip: shortList(address, 512),
  route: address,
  names: shortList(shortText(NAME_LENGTH), MOST_NAMES),
});

/** Reads `data` of the event `routeSuggestion`. @throws {ControlError} */
export function parseRouteSuggestion(data: unknown): RouteSuggestion {
  const { names, ...suggestion } = check<v.InferOutput<typeof ROUTE_SUGGESTION>>(
    "the event routeSuggestion",
    ROUTE_SUGGESTION,
    data,
  );
  return names.length > 0 ? { ...suggestion, names } : suggestion;
}
