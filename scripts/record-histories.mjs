// npm run record-histories: runs every scenario of test/replay and writes its history; see docs/replay.md.
import { prepareClone } from './lib/setup.mjs';

prepareClone();

const { register } = await import('tsx/esm/api');
register();
const { recordHistories } = await import('../test/replay/record.ts');
await recordHistories((line) => console.log(line));
