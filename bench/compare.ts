/**
 * npm run bench -- compare A B: compares two files of `npm run bench -- runs --json FILE`. It compares ratios
 * to the baseline of the same run, because the two runs may be from different machines.
 */
import { readFile } from 'node:fs/promises';
import { Report } from './runs/measure.js';

const [, , first, second] = process.argv;
if (first === undefined || second === undefined) {
  console.error('Usage: npm run bench -- compare A.json B.json');
  process.exit(2);
}
const read = async (file: string): Promise<Report> => Report.parse(JSON.parse(await readFile(file, 'utf8')));
const [a, b] = [await read(first), await read(second)];
console.log(`A: ${a.at}, ${a.machine}\nB: ${b.at}, ${b.machine}\n`);
for (const after of b.figures) {
  const before = a.figures.find(
    ({ case: name, what, unit }) => name === after.case && what === after.what && unit === after.unit,
  );
  const value = ({ ratio, sluice }: typeof after): number => ratio ?? sluice.median;
  const label = `${after.case}: ${after.what}, ${after.unit}`;
  if (before === undefined) {
    console.log(`${label}: only in B`);
  } else {
    const [x, y] = [value(before), value(after)];
    const kind = after.ratio === undefined ? '' : ' of the baseline';
    console.log(`${label}: ${x.toPrecision(3)} → ${y.toPrecision(3)}${kind} (× ${(y / x).toFixed(2)})`);
  }
}
