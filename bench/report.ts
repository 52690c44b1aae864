/**
 * The figures of a run, and their table.
 *
 * @module
 */
import { median } from "./statistics.ts";
import type { Figure, Unit } from "./suite.ts";

/** One cell: a row on a way, with a figure for each round. */
export interface Cell {
  /** The suite that it comes from; reports of earlier versions do not say. */
  readonly suite?: string;
  readonly row: string;
  readonly unit: Unit;
  readonly way: string;
  readonly median: number;
  readonly rounds: readonly number[];
}

/** A run as it is kept. */
export interface Report {
  readonly date: string;
  readonly results: readonly Cell[];
  readonly [fact: string]: unknown;
}

/** Collects figures of all rounds. */
export class Results {
  readonly #cells = new Map<string, Omit<Cell, "median"> & { rounds: number[] }>();

  /** Adds the figure of a round. */
  add(suite: string, way: string, { row, unit, value }: Figure): void {
    const key = `${suite}\n${row}\n${way}`;
    const kept = this.#cells.get(key) ?? { suite, row, unit, way, rounds: [] };
    kept.rounds.push(value);
    this.#cells.set(key, kept);
  }

  /** What was collected. */
  get cells(): Cell[] {
    return [...this.#cells.values()].map((cell) => ({
      ...cell,
      median: median(cell.rounds),
    }));
  }
}

/** A figure with three significant digits. */
export function shown(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** Lines of columns, the first to the left, the others to the right. */
export function aligned(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, column) =>
    Math.max(...lines.map((line) => line[column]!.length))
  );
  return lines.map((line) =>
    line.map((text, column) =>
      column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!)
    ).join("  ").trimEnd()
  ).join("\n");
}

/**
 * Rows of measures, columns of ways. In NoRouter's columns a figure is followed by its
 * ratios to the figures of the ways in `beside`.
 */
export function table(cells: readonly Cell[], beside: readonly string[]): string {
  const rows = [...new Set(cells.map(({ row }) => row))];
  const ways = [...new Set(cells.map(({ way }) => way))];
  const find = (row: string, way: string) =>
    cells.find((cell) => cell.row === row && cell.way === way);
  const lines = rows.map((row) => {
    const { unit } = cells.find((cell) => cell.row === row)!;
    return [
      `${row} (${unit})`,
      ...ways.map((way) => {
        const cell = find(row, way);
        if (cell === undefined) return "";
        if (!way.startsWith("norouter")) return shown(cell.median);
        const ratios = beside.map((other) => find(row, other)?.median).map((other) =>
          other ? `${(cell.median / other).toFixed(2)}×` : "–"
        );
        return [shown(cell.median), ...ratios].map((each) => each.padStart(8)).join("");
      }),
    ];
  });
  return aligned([["", ...ways], ...lines]);
}
