/**
 * `resolveFor` of a host: for which others its name server resolves names outside the
 * mesh.
 *
 *   ["laptop", "web"]   for these hosts
 *   ["*"]               for all
 *
 * @module
 */
import type { Position } from "./source/diagnostic.ts";
import { didYouMean, readList, readText } from "./fields.ts";
import type { Report } from "./source/report.ts";
import { type Entry, quote } from "./source/value.ts";

/** A host as written. */
export interface NamedHost {
  /** Its name, or `*` for all. */
  readonly name: string;
  /** Where that stands. */
  readonly at: Position;
}

/** Reads the field; whether there are such hosts is not known yet. */
export function readResolveFor(entry: Entry, report: Report): NamedHost[] {
  return readList(entry, report, `["web"] or ["*"]`).flatMap((value) => {
    const name = readText({ ...entry, value }, report, "the name of a host");
    return name === undefined ? [] : { name, at: value.at };
  });
}

/** Reports the names that no host has, those of a template once. */
export function checkResolveFor(
  hosts: readonly { readonly name: string; readonly resolveFor: readonly NamedHost[] }[],
  report: Report,
): void {
  const names = hosts.map(({ name }) => name);
  for (const { name, at } of hosts.flatMap(({ resolveFor }) => resolveFor)) {
    if (name === "*" || names.includes(name)) continue;
    const message = `"resolveFor": ${quote(name)} is not the name of a host` +
      `${didYouMean(name, names)}; wanted one, or "*" for all`;
    report.error(at, message);
  }
}
