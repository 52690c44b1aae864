/**
 * The table of a run, and the same as JSON.
 *
 * @module
 */
import type { Row } from "./measures.ts";
import { median } from "./statistics.ts";

/** One cell: a row on a way, with a figure for each round. */
export interface Cell {
  readonly row: string;
  readonly unit: Row["unit"];
  readonly way: string;
  readonly median: number;
  readonly rounds: readonly number[];
}

/** Collects figures of all rounds. */
export class Results {
  readonly #figures = new Map<string, { row: Row; way: string; rounds: number[] }>();

  add(row: Row, way: string, figure: number): void {
    const key = `${row.name}\n${way}`;
    const kept = this.#figures.get(key) ?? { row, way, rounds: [] };
    kept.rounds.push(figure);
    this.#figures.set(key, kept);
  }

  get cells(): Cell[] {
    return [...this.#figures.values()].map(({ row, way, rounds }) => ({
      row: row.name,
      unit: row.unit,
      way,
      median: median(rounds),
      rounds,
    }));
  }
}

/** A figure with three significant digits. */
function figure(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

/**
 * Rows of measures, columns of ways. In NoRouter's columns a figure is followed by its
 * ratio to `ssh -L` and to the bare loopback.
 */
export function table(cells: readonly Cell[], ways: readonly string[]): string {
  const rows = [...new Set(cells.map(({ row }) => row))];
  const find = (row: string, way: string) =>
    cells.find((cell) => cell.row === row && cell.way === way);
  const text = rows.map((row) => {
    const unit = cells.find((cell) => cell.row === row)!.unit;
    return [
      `${row} (${unit})`,
      ...ways.map((way) => {
        const cell = find(row, way);
        if (cell === undefined) return "";
        if (!way.startsWith("norouter")) return figure(cell.median);
        const ratios = ["ssh -L", "bare loopback"].map((other) =>
          find(row, other)?.median
        )
          .map((other) => other ? `${(cell.median / other).toFixed(2)}×` : "–");
        return [figure(cell.median), ...ratios].map((each) => each.padStart(8)).join("");
      }),
    ];
  });
  const heads = ["", ...ways];
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...text.map((line) => line[column]!.length))
  );
  const line = (columns: string[]) =>
    columns.map((each, index) =>
      index === 0 ? each.padEnd(widths[0]!) : each.padStart(widths[index]!)
    ).join("  ");
  return [line(heads), ...text.map(line)].join("\n");
}
