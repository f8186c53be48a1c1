/** The table in docs/performance.md. The text outside of the marks is written by hand. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Report } from './measure.js';
import { markdownTable } from './table.js';

const PAGE = new URL('../../docs/performance.md', import.meta.url);
const BEGIN = '<!-- figures: written by `npm run bench -- --page` -->';
const END = '<!-- end of figures -->';

/** Replaces the table with the report's. @throws Error where the page has lost its marks */
export async function writePerformancePage(report: Report): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error('docs/performance.md has no place for it');
  const head = `Measured ${report.at.slice(0, 10)} on ${report.machine}; medians of ${report.rounds} rounds (lowest–highest).`;
  await writeFile(PAGE, `${before}${BEGIN}\n\n${head}\n\n${markdownTable(report.figures)}\n\n${END}${after}`);
}
