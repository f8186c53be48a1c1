// node fetch.mjs URL SHA256 TARGET: fetches an archive of SurrealDB's server and writes the program in it, if
// it is the one with that SHA-256. With another one it ends with 1 and writes nothing: no image is built.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const MOST_BYTES = 1_000_000_000;
const EXECUTABLE = 0o755;

const [url, expected, target] = process.argv.slice(2);
const answer = await fetch(url);
if (!answer.ok) {
  console.error(`${url} answers ${answer.status}`);
  process.exit(1);
}
const input = Buffer.from(await answer.arrayBuffer());
// The archive has one file, the program.
const program = execFileSync('tar', ['-xzO'], { input, maxBuffer: MOST_BYTES });
const actual = createHash('sha256').update(program).digest('hex');
if (actual !== expected) {
  console.error(
    `The program in ${url} has the SHA-256 ${actual}, not ${expected}: it is not the one that Sluice is tested with.`,
  );
  process.exit(1);
}
writeFileSync(target, program, { mode: EXECUTABLE });
