/**
 * Kinds of metrics of a mesh: a number of it, and a number of each of its hosts.
 *
 * @module
 */

import type { MeshStatus, OfHost } from "../manager/status.ts";
import type { Metric } from "./exposition.ts";

/** A status, and whose. */
export interface Metered {
  readonly status: MeshStatus;
  /** The mesh's name. */
  readonly mesh: string;
  /** The version of the program. */
  readonly version: string;
}

/** A metric of a mesh. */
export type MeshMetric = Metric<Metered>;
type Kind = MeshMetric["type"];

/** A number of the mesh as a whole. */
export function ofMesh(
  type: Kind,
  name: string,
  help: string,
  value: (status: MeshStatus) => number | undefined,
): MeshMetric {
  return { name, type, help, labels: [], samples: ({ status }) => [[value(status)]] };
}

/** A number of each entry of a list, which has a host. */
export function ofHosts<Entry extends OfHost>(
  list: (status: MeshStatus) => readonly Entry[],
) {
  return (
    type: Kind,
    name: string,
    help: string,
    value: (entry: Entry) => number | undefined,
  ): MeshMetric => ({
    name,
    type,
    help,
    labels: ["host"],
    samples: ({ status }) => list(status).map((each) => [value(each), each.host]),
  });
}

/** The same by a further label. */
export function ofHostsBy<Entry extends OfHost>(
  list: (status: MeshStatus) => readonly Entry[],
  label: string,
) {
  return (
    type: Kind,
    name: string,
    help: string,
    values: (entry: Entry) => Iterable<readonly [number | undefined, string]>,
  ): MeshMetric => ({
    name,
    type,
    help,
    labels: ["host", label],
    *samples({ status }) {
      for (const each of list(status)) {
        for (const [value, word] of values(each)) yield [value, each.host, word];
      }
    },
  });
}

/** Milliseconds in seconds. */
export function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
