/**
 * Swap report: what a change of the manifest did to a mesh, as plain data.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import type { Manifest } from "../../manifest/manifest.ts";
import type { PolicyRule } from "../../manifest/policy.ts";
import type { RestartedHost } from "../reload/change.ts";

/** What a swap did. Every host of the two manifests is in one list at most. */
export interface SwapReport {
  /** The version of the rules that are in force now. */
  readonly version: number;
  /** Hosts that are started. */
  readonly added: readonly string[];
  /** Hosts that are ended. */
  readonly removed: readonly string[];
  /** Hosts that are started anew, with their connections. */
  readonly restarted: readonly RestartedHost[];
  /**
   * Hosts whose agents are told of the differences: at once, or when they are ready next. Their
   * connections go on.
   */
  readonly updated: readonly string[];
  /**
   * Hosts whose agents cannot be told while they run, and go on by what they were told: the
   * differences are not of their own part.
   */
  readonly outdated: readonly string[];
  /** Whether the policy is another. */
  readonly policy: boolean;
  /** Whether the routes are others. */
  readonly routes: boolean;
}

/** Whether policy and routes of two manifests differ; places in the file do not count. */
export function differencesOf(
  one: Manifest,
  other: Manifest,
): { readonly policy: boolean; readonly routes: boolean } {
  return {
    policy: !isDeepStrictEqual(policyOf(one), policyOf(other)),
    routes: !isDeepStrictEqual(routesOf(one), routesOf(other)),
  };
}

function policyOf({ policy = [] }: Manifest): Omit<PolicyRule, "at">[] {
  return policy.map(({ at: _, ...rule }) => rule);
}

function routesOf({ routes }: Manifest): unknown[] {
  return routes.map(({ at: _, notNameAt: _n, ...route }) => route);
}
