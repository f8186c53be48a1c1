/** Figures as a table for a terminal and for a page. */
import type { Figure, Kind } from './measure.js';

/** What the two kinds are called. */
const NAMES: Readonly<Record<Kind, string>> = { sluice: 'Sluice', byHand: 'by hand' };
const head = ({ sluice, byHand } = NAMES): string[] => {
  return ['case', 'what', 'unit', sluice, byHand, 'ratio', 'target', ''];
};

/** Cells of a figure, as the head names them. */
function cells({ case: name, what, unit, sluice, byHand, ratio, target }: Figure): string[] {
  return [
    name,
    what,
    unit,
    spread(sluice),
    byHand === undefined ? '' : spread(byHand),
    ratio === undefined ? '' : ratio.toFixed(2),
    target?.text ?? '',
    target === undefined ? '' : target.holds ? 'holds' : 'MISSED',
  ];
}

function spread({ median, lowest, highest }: Figure['sluice']): string {
  return lowest === highest ? short(median) : `${short(median)} (${short(lowest)}–${short(highest)})`;
}

const short = (value: number): string =>
  Math.abs(value) >= 1_000 ? value.toFixed(0) : value.toPrecision(Math.abs(value) < 0.01 ? 2 : 3);

/** A table of fixed width. */
export function table(figures: readonly Figure[], names = NAMES): string {
  const first = head(names);
  const rows = [first, ...figures.map(cells)];
  const widths = first.map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A table of Markdown. */
export function markdownTable(figures: readonly Figure[]): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  return [line(head()), line(head().map(() => '---')), ...figures.map((figure) => line(cells(figure)))].join(
    '\n',
  );
}
