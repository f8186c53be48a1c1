/** docs/operations.md is written by hand; these tests hold its metrics, variables and commands. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createMetrics } from '../../api/http/metrics.js';
import { createBridgeMetrics } from '../../ingress/routing/metrics.js';
import { ApiVariables } from '../../worker/config/api-variables.js';
import { BridgeVariables } from '../../worker/config/bridge-config.js';
import { Variables } from '../../worker/config/config-variables.js';
import { unknownCommands } from './support/commands.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = read('docs/operations.md');
const named = (pattern: RegExp): string[] => [
  ...new Set([...page.matchAll(pattern)].map((found) => found[1] as string)),
];

/** The native part of Temporal's SDK for this machine: it has the names of its metrics as text. */
function nativeSdk(): Buffer {
  const releases = fileURLToPath(
    new URL('../../node_modules/@temporalio/core-bridge/releases', import.meta.url),
  );
  const arch = process.arch === 'x64' ? 'x86_64' : 'aarch64';
  const platform =
    process.platform === 'darwin' ? 'apple' : process.platform === 'win32' ? 'windows' : 'linux';
  const name = readdirSync(releases).find(
    (release) => release.startsWith(arch) && release.includes(platform),
  );
  return readFileSync(join(releases, name ?? '', 'index.node'));
}

it('every metric that the page names exists, and every counter of Sluice is on the page', async () => {
  const sdk = nativeSdk();
  const ofSdk = named(/`temporal_(\w+)`/g);
  expect(ofSdk.filter((name) => !sdk.includes(name.replace(/_total$/, '')))).toEqual([]);
  expect(ofSdk.length).toBeGreaterThan(5);

  const bridge = await createBridgeMetrics(['database', 'temporal', 'redis']).text();
  const served = `${await createMetrics().text(undefined)}\n${bridge}`;
  const sources = execFileSync('git', ['ls-files', 'activities', 'worker', 'workflows'], { cwd: root })
    .toString()
    .split('\n')
    .filter((path) => path.endsWith('.ts'))
    .map(read)
    .join('');
  const counted = [...sources.matchAll(/createCounter\('(\w+)'/g)].map((found) => `${found[1]}_total`);
  const gauges = read('worker/processes/run-worker.ts').matchAll(/createGauge\(\s*'(\w+)'/g);
  counted.push(...[...gauges].map((found) => found[1] as string));
  counted.push(...[...bridge.matchAll(/^# TYPE (\w+)/gm)].map((found) => found[1] as string));
  const own = named(/`(sluice_[a-z_]+)`/g);
  expect(own.filter((name) => !served.includes(`# TYPE ${name} `) && !counted.includes(name))).toEqual([]);
  expect(counted.filter((name) => !own.includes(name))).toEqual([]);
});

it('every variable that the page names exists, and it links to the page that has them all', () => {
  const known = [Variables, BridgeVariables, ApiVariables].flatMap((schema) => Object.keys(schema.shape));
  const compose = read('docker-compose.yml');
  const variables = named(/`?((?:SLUICE|SURREAL|TEMPORAL)_[A-Z_]+)/g);
  expect(variables.filter((name) => !known.includes(name) && !compose.includes(`{${name}:`))).toEqual([]);
  expect(page).toContain('](configuration.md)');
});

it('every command that the page names exists', () => {
  expect(unknownCommands(page)).toEqual([]);
});
