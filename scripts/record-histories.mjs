// npm run record-histories [-- NAME…]: runs the scenarios of test/replay, or those that are named, and
// writes their histories; see docs/replay.md.
import { prepareClone } from './lib/setup.mjs';

prepareClone();

const { register } = await import('tsx/esm/api');
register();
const { recordHistories } = await import('../test/replay/record.ts');
await recordHistories((line) => console.log(line), process.argv.slice(2));
