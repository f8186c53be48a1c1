// npm run verify: everything that CI checks. Each check has a heading and its time; a warning of any tool is
// an error. All checks run, so that one run finds all that is wrong; the list of failures comes at the end.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { prepareClone, root } from './lib/setup.mjs';

prepareClone();

const bin = (path) => [process.execPath, join(root, 'node_modules', path)];
const NOT_ROOMS = ['node_modules', 'dist', 'docs', 'coverage'];
const rooms = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !NOT_ROOMS.includes(entry.name))
  .map((entry) => entry.name);

const CHECKS = [
  { name: 'Format', command: [...bin('prettier/bin/prettier.cjs'), '--check', '.'] },
  { name: 'Lint', command: [...bin('eslint/bin/eslint.js'), '--max-warnings', '0', '.'] },
  {
    name: 'Imports between rooms',
    command: [
      ...bin('dependency-cruiser/bin/dependency-cruise.mjs'),
      '--config',
      '.dependency-cruiser.cjs',
      ...rooms.filter((room) => existsSync(join(root, room))),
    ],
  },
  { name: 'Types', command: [...bin('typescript/bin/tsc'), '--project', '.'] },
  { name: 'Prose', command: [process.execPath, join(root, 'scripts', 'check-prose.mjs')] },
  { name: 'Unused code', command: [...bin('knip/bin/knip.js'), '--treat-config-hints-as-errors'] },
  { name: 'Tests', command: ['npm', 'test', '--silent'], mayWarn: true },
];
/** Tools without a switch for it print "warn" or "warning" as a separate word. */
const WARNING = /^.*\bwarn(ing)?\b.*$/im;

const failures = [];
let counts;
for (const { name, command, mayWarn = false } of CHECKS) {
  console.log(`\n── ${name} ${'─'.repeat(Math.max(0, 60 - name.length))}`);
  const started = Date.now();
  const { code, output } = await run(command);
  const warning = mayWarn ? null : WARNING.exec(output);
  const failed = code !== 0 || warning !== null;
  if (failed) {
    failures.push(code === 0 ? `${name}: it warned: ${warning[0].trim()}` : `${name} (exit code ${code})`);
  }
  if (name === 'Tests') counts = output.match(/^\d+ passed, \d+ failed(, \d+ skipped)?$/gm)?.at(-1);
  console.log(`${failed ? 'FAILED' : 'ok'}: ${name}, ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

console.log(`\n── Result ${'─'.repeat(54)}`);
if (failures.length === 0) console.log('Everything is in order.');
else console.log(`Failed:\n${failures.map((failure) => `  - ${failure}`).join('\n')}`);
console.log(`\n${counts ?? '0 passed, 1 failed'}`);
process.exit(failures.length === 0 ? 0 : 1);

/** Runs a command, shows its output at once, and keeps it. */
function run([command, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    for (const [stream, terminal] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        terminal.write(text);
      });
    }
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
