/**
 * A host of the manifest before hosts without an address are given a free address.
 *
 * @module
 */
import type { Position } from "./source/diagnostic.ts";
import type { HostSpec } from "./manifest.ts";
import type { NamedHost } from "./resolve_for.ts";

/** A host whose VIP may still be missing. */
export type HostDraft = Omit<HostSpec, "vip" | "vipAssigned" | "resolveFor"> & {
  readonly resolveFor: readonly NamedHost[];
  readonly vip: { readonly address: number; readonly at: Position } | undefined;
};
