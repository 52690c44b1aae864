/**
 * Rows of text in aligned columns.
 *
 * @module
 */

/** Aligns rows, which have as many cells as the first, and gives their lines. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) =>
    rows.reduce((width, cells) => Math.max(width, cells[i]!.length), 0)
  );
  return rows.map((cells) =>
    cells.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd() + "\n"
  ).join("");
}
