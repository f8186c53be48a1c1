/**
 * npm run bench -- compare A B: two files that `npm run bench -- runs --json FILE` wrote. What is compared is the
 * ratios to the baseline of the same run: the machine of the one may be another than that of the other.
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
