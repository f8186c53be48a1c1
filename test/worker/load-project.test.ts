import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadProject } from '../../worker/config/load-project.js';
import { loadRegistry } from '../../worker/processes/load-registry.js';

const ACTIONS = fileURLToPath(new URL('../../actions/index.ts', import.meta.url));
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-project-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const write = (files: Record<string, string>) =>
  Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(directory, name), text)));
const action = (id: string) =>
  `defineAction({ id: '${id}', version: 1, input: z.json(), output: z.json(), run: (input) => input })`;
const ACTION_MODULE = `
import { z } from '${fileURLToPath(import.meta.resolve('zod'))}';
import { defineAction } from '${ACTIONS}';
`;

describe('a project', () => {
  it('a project without a configuration file adds no actions', async () => {
    expect(await loadProject(directory)).toEqual({ file: undefined, actions: [], allowHosts: [] });
    const registry = await loadRegistry({ http: { allowHosts: [] } }, directory);
    expect([...registry.versions.keys()]).toContain('http.request');
  });

  it('a project has the actions of its modules, however they are exported, each once', async () => {
    await write({
      'sluice.config.ts': `export default { actions: ['./mine.ts'], http: { allowHosts: ['a.example'] } };`,
      'mine.ts': `${ACTION_MODULE}
        export const named = ${action('a.named')};
        const listed: unknown = ${action('a.listed')};
        export const somethingElse = 42;
        export default [listed, named];`,
    });
    const { actions, allowHosts } = await loadProject(directory);
    expect(actions.map(({ id }) => id).sort()).toEqual(['a.listed', 'a.named']);
    expect(allowHosts).toEqual(['a.example']);
  });

  it('a configuration file may be written in JavaScript', async () => {
    await write({ 'sluice.config.mjs': 'export default {};' });
    expect(await loadProject(directory)).toMatchObject({ actions: [] });
  });

  it('the project of Sluice itself has the actions of the examples', async () => {
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const registry = await loadRegistry({ http: { allowHosts: [] } }, root);
    expect(registry.latest('payments.charge').version).toBe(1);
  });
});

describe('a broken project', () => {
  it.each([
    ['a syntax error', { 'sluice.config.mjs': 'export default {' }, /cannot be loaded/],
    ['no default export', { 'sluice.config.mjs': 'export const x = 1;' }, /the default export/],
    [
      'an unknown key',
      { 'sluice.config.mjs': `export default { action: [] };` },
      /Unrecognized key: "action"/,
    ],
    [
      'a module that is not there',
      { 'sluice.config.mjs': `export default { actions: ['./no.js'] };` },
      /does not exist/,
    ],
    [
      'a module without actions',
      {
        'sluice.config.mjs': `export default { actions: ['./m.mjs'] };`,
        'm.mjs': 'export const run = () => 1;',
      },
      /does not export an action made with defineAction/,
    ],
    [
      'a module that throws',
      {
        'sluice.config.mjs': `export default { actions: ['./m.mjs'] };`,
        'm.mjs': `throw new Error('boom');`,
      },
      /m\.mjs cannot be loaded: boom/,
    ],
  ])('a project with %s stops the start and names the file', async (_what, files, message) => {
    await write(files);
    const loading = loadProject(directory);
    await expect(loading).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toThrow(join(directory, 'sluice.config.mjs'));
  });
});
