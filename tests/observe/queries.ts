/**
 * What a query of Prometheus names: metrics, and labels of them.
 *
 * @module
 */
import { COLLECTED, METRICS } from "../../control/metrics.ts";

/** Labels that Prometheus, or a collector's text, puts on every series. */
const EVERYWHERE = ["job", "instance", "mesh"];

/** Labels of metrics by name, ours and those of the collector that alerts are about. */
const LABELS: ReadonlyMap<string, readonly string[]> = new Map([
  ...[...METRICS, ...COLLECTED].map(({ name, labels }) => [name, labels] as const),
  ["node_textfile_mtime_seconds", ["file"]],
]);

/** The metrics that a query names, and what is wrong with them. */
export function namedIn(query: string): { metrics: string[]; faults: string[] } {
  const faults: string[] = [];
  const metrics: string[] = [];
  const unquoted = query.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  const known = new Set(EVERYWHERE);
  for (
    const [, name = "", matchers = ""] of unquoted.matchAll(
      /\b((?:norouter|process|node)_\w+)(?:\{([^}]*)\})?/g,
    )
  ) {
    metrics.push(name);
    const labels = LABELS.get(name);
    if (!labels) faults.push(`there is no metric ${name}`);
    for (const label of labels ?? []) known.add(label);
    for (const [, label = ""] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
      if (labels && !labels.includes(label) && !EVERYWHERE.includes(label)) {
        faults.push(`${name} has no label ${label}`);
      }
    }
  }
  for (
    const [, list = ""] of unquoted.matchAll(
      /\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g,
    )
  ) {
    for (const label of list.split(",").map((each) => each.trim())) {
      if (!known.has(label)) faults.push(`none of them has a label ${label}`);
    }
  }
  return { metrics, faults };
}

/** Labels that a text names as `{{host}}` or `{{ $labels.host }}` and none of the metrics has. */
export function unknownLabels(text: string, metrics: readonly string[]): string[] {
  const known = new Set([
    ...EVERYWHERE,
    ...metrics.flatMap((name) => LABELS.get(name) ?? []),
  ]);
  return [...text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)]
    .map(([, label = ""]) => label).filter((label) => !known.has(label));
}
