// npm run bench -- CASE: sets up what a clone needs and runs bench/CASE.ts. Without a case, or with options
// alone: `runs`.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { prepareClone, root } from './lib/setup.mjs';

const args = process.argv.slice(2);
const [name, ...rest] = args[0] === undefined || args[0].startsWith('-') ? ['runs', ...args] : args;
const cases = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));
if (!cases.includes(name)) {
  console.error(`Usage: npm run bench -- CASE, where CASE is one of: ${cases.join(', ')}`);
  process.exit(1);
}
prepareClone();
const tsx = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
if (!existsSync(tsx)) throw new Error('tsx is not installed; run npm install');
const { status } = spawnSync(process.execPath, [tsx, join(root, 'bench', `${name}.ts`), ...rest], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(status ?? 1);
