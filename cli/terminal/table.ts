/** Tables for people: each column is as wide as its widest cell, and a cell is one line. */
import { printable } from '../../contracts/reading/printable.js';

/** A column: its heading, and the cell that it shows for a row. */
export type Column<T> = readonly [heading: string, show: (row: T) => string | number | null | undefined];

/** The lines of a table, headings first; empty without rows. */
export function tableLines<T>(columns: readonly Column<T>[], rows: readonly T[]): readonly string[] {
  if (rows.length === 0) return [];
  const cells = [
    columns.map(([heading]) => heading),
    ...rows.map((row) => columns.map(([, show]) => printable(String(show(row) ?? '-')))),
  ];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)));
  return cells.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
