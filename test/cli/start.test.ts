/** What `sluice` loads before it does anything: help, a mistyped command and a TAB must answer at once. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeadLetterKind } from '../../contracts/events/dead-letter.js';
import { createProgram } from '../../cli/program.js';
import { runCommand } from '../support/command.js';

const BIN = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
const HOOK = new URL('./loaded-modules.fixture.mjs', import.meta.url).href;

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'sluice-start-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The packages under node_modules that a command line loads. */
async function packagesOf(name: string, ...args: string[]): Promise<ReadonlySet<string>> {
  const file = join(directory, name);
  const env = { ...process.env, LOADED_MODULES: file, NODE_OPTIONS: `--import ${HOOK}` };
  await runCommand(process.execPath, [BIN, ...args], { env });
  const urls = readFileSync(file, 'utf8');
  return new Set(
    [...urls.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)\//g)].map(([, found]) => found as string),
  );
}

describe('loaded packages', () => {
  it.each([
    ['help', ['--help'], []],
    ['help of a command', ['doctor', '--help'], []],
    ['a completion', ['completion', 'bash'], ['@pnpm/tabtab']],
    ['a mistake', ['publihs'], ['zod']],
  ])('%s loads commander, and nothing that a command may need', async (name, args, more) => {
    const packages = await packagesOf(name.replaceAll(' ', '-'), ...args);
    const expected = new Set(['tsx', 'esbuild', 'get-tsconfig', 'commander', ...more]);
    expect(packages).toContain('commander');
    expect([...packages].filter((found) => !expected.has(found))).toEqual([]);
  });

  it('validate loads the YAML parser, but neither Temporal nor a database nor Redis', async () => {
    const packages = await packagesOf('validate', 'validate', 'examples/order-fulfilment.yaml');
    expect([...packages]).toContain('yaml');
    expect(['@temporalio/worker', 'surrealdb', 'ioredis'].filter((heavy) => packages.has(heavy))).toEqual([]);
  });
});

it('dead-letters list --kind offers every kind of dead letter', () => {
  const { program } = createProgram({}, () => undefined);
  const list = program.commands
    .find((command) => command.name() === 'dead-letters')
    ?.commands.find((command) => command.name() === 'list');
  const kind = list?.options.find(({ long }) => long === '--kind');
  expect(kind?.argChoices).toEqual(DeadLetterKind.options);
});

describe('a mistyped command line', () => {
  const sluice = (...args: string[]) => runCommand(process.execPath, [BIN, ...args]);

  it.each([
    [['publihs'], /USAGE_INVALID: unknown command 'publihs' \(Did you mean publish\?\)/],
    [['dead-letters', 'lst'], /unknown command 'lst' \(Did you mean list\?\)/],
    [['run', 'x', '--vrsion', '1'], /unknown option '--vrsion' \(Did you mean --version\?\)/],
    [['run', 'x', '--version', 'one'], /argument 'one' is invalid\. It must be a whole number from 1\./],
    [['run'], /missing required argument 'id'/],
  ])('%j is a coded error that suggests similar names, with exit code 2', async (args, message) => {
    const { code, stdout, stderr } = await sluice(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('sluice --help');
    expect(stdout).toBe('');
  });

  it('a mistyped command prints its error as JSON for scripts', async () => {
    const { code, stdout, stderr } = await sluice('--json', 'publihs');
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'USAGE_INVALID' } });
    expect(stderr).toBe('');
  });

  it('a command that only has subcommands, and `sluice` alone, show the help', async () => {
    for (const args of [[], ['events']]) {
      const { code, stderr } = await sluice(...args);
      expect(code).toBe(2);
      expect(stderr).toContain('Usage: sluice');
    }
  });
});
