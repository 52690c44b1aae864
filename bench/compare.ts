/**
 * The figures of a run beside those of an earlier run.
 *
 * @module
 */
import { aligned, type Cell, type Report, shown } from "./report.ts";

/** A figure that is worse by more than this share is marked. */
const TOLERANCE = 0.03;

/** How a figure stands to the earlier. */
export interface Change {
  readonly cell: Cell;
  /** The earlier median; undefined if the earlier run has none, or in another unit. */
  readonly before: number | undefined;
  /** Now through before. */
  readonly ratio: number | undefined;
  readonly isWorse: boolean;
}

/** Of throughput more is better, of all else less. */
function isMoreBetter({ unit }: Cell): boolean {
  return unit.endsWith("bit/s");
}

/** Each figure of now with its change since `before`, in the order of now. */
export function changes(now: readonly Cell[], before: readonly Cell[]): Change[] {
  return now.map((cell) => {
    const old = before.find(({ suite = cell.suite, row, way, unit }) =>
      suite === cell.suite && row === cell.row && way === cell.way && unit === cell.unit
    )?.median;
    const ratio = old ? cell.median / old : undefined;
    const worse = ratio !== undefined && isMoreBetter(cell) ? 1 / ratio : ratio ?? 0;
    return { cell, before: old, ratio, isWorse: worse > 1 + TOLERANCE };
  });
}

/** The changes as a table, and how many are worse or not to be compared. */
export function comparison(now: readonly Cell[], earlier: Report): string {
  const all = changes(now, earlier.results);
  const lines = all.map(({ cell, before, ratio, isWorse }) => [
    `${cell.way}: ${cell.row} (${cell.unit})`,
    before === undefined ? "–" : shown(before),
    shown(cell.median),
    ratio === undefined ? "–" : `${ratio.toFixed(2)}×`,
    isWorse ? "worse" : "",
  ]);
  const count = (wanted: (change: Change) => boolean) => all.filter(wanted).length;
  return [
    aligned([["", earlier.date.slice(0, 16), "now", "ratio", ""], ...lines]),
    `${count(({ isWorse }) => isWorse)} of ${
      count(({ before }) => before !== undefined)
    } figures are worse by more than ${TOLERANCE * 100} %; ${
      count(({ before }) => before === undefined)
    } are new`,
  ].join("\n");
}
