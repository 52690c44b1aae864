/**
 * A change of a mesh: what is different since another manifest is in force, as data and in
 * words.
 *
 * @module
 */

import type { Manifest } from "../../manifest/manifest.ts";
import { differences, type ManifestChanges } from "./differences.ts";

/** What is different in a mesh. Hosts are named, in the order of the manifest. */
export interface MeshChange extends ManifestChanges {
  /** Hosts that were there and are started anew: their connections have ended. */
  readonly restarted: readonly RestartedHost[];
}

/** A host that is started anew. */
export interface RestartedHost {
  /** The host's name. */
  readonly host: string;
  /** Why, for people: `docker changed`, `ports changed, and its agent … cannot be told`. */
  readonly why: string;
}

/** Two manifests, of which the second is in force now. */
export interface Manifests {
  readonly before: Manifest;
  readonly after: Manifest;
}

/** What happened to a mesh, of which the swap restarted hosts. */
export function meshChange(
  { before, after }: Manifests,
  { restarted }: Pick<MeshChange, "restarted">,
): MeshChange {
  return { ...differences(before, after), restarted };
}

/** A line for each thing that is different: `+ db`, `- old`, `~ web: ports`. */
export function changeLines(
  { added, removed, changed, restarted, routes, policy }: MeshChange,
): string[] {
  const isAnew = new Set(restarted.map(({ host }) => host));
  const known = new Set(changed.map(({ host }) => host));
  const anew = (host: string) => isAnew.has(host) ? ", started anew" : "";
  return [
    ...added.map((host) => `+ ${host}`),
    ...removed.map((host) => `- ${host}`),
    ...changed.map(({ host, fields }) => `~ ${host}: ${fields.join(", ")}${anew(host)}`),
    ...restarted.filter(({ host }) => !known.has(host)).map(({ host, why }) =>
      `~ ${host}: started anew, since ${why}`
    ),
    ...(routes ? ["~ routes"] : []),
    ...(policy ? ["~ policy"] : []),
  ];
}
