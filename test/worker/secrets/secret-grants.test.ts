/** A secret belongs to tenants and definitions: others can neither publish its name nor read it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction } from '../../../actions/index.js';
import { openSecrets, readSecretGrants } from '../../../worker/secrets/secret-grants.js';
import { withSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';

const definition = (id: string, input: string) => `
id: ${id}
version: 1
steps:
  - { id: use, type: action.call, action: test.use, input: ${input}, saveAs: vars.used }
result: { $expr: vars.used }
`;
const NAMES_IT = '{ key: { $secret: PAY_KEY } }';
const lines: string[] = [];
const log = pino({}, { write: (line: string) => void lines.push(line) });

/** Its input has the secret, or `read` names it. */
const use = defineAction({
  id: 'test.use',
  version: 1,
  description: 'Says whether it got the right value.',
  input: z.object({ key: z.string().optional(), read: z.string().optional() }),
  output: z.object({ right: z.boolean() }),
  run: async ({ key, read }, context) => {
    const value = read === undefined ? key : await context.secret(read);
    return { right: value === 'pay-7d0c1f' };
  },
});

let directory: string;
let path: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-grants-'));
  path = join(directory, 'grants.json');
});
afterAll(() => rm(directory, { recursive: true }));

const grant = (secrets: object) => writeFile(path, JSON.stringify({ secrets }));

describe('a secret with grants', () => {
  it('serves only its tenants and definitions, at publish and at run time [secrets-have-owners]', async () => {
    await grant({ PAY_KEY: { tenants: ['acme'], definitions: ['pay', 'by-code'] } });
    const env = { S_PAY_KEY: 'pay-7d0c1f', S_OTHER: 'x' };
    const source = { secrets: { kind: 'env', prefix: 'S_' }, secretGrantsFile: path } as const;
    const { secrets, close } = await openSecrets(source, env, log);
    try {
      await withSluice({ secretProvider: secrets, actions: [use], tenant: 'acme' }, async (sluice) => {
        const { client } = sluice;
        expect(await sluice.run(definition('pay', NAMES_IT))).toEqual({ right: true });

        // Another definition of the tenant, the same one of another tenant, and a secret that no one has.
        for (const [tenant, id, input] of [
          ['acme', 'pay-too', NAMES_IT],
          ['globex', 'pay', NAMES_IT],
          ['acme', 'pay-other', '{ key: { $secret: OTHER } }'],
        ] as const) {
          await expect(client.publishDefinition(definition(id, input), { tenant })).rejects.toMatchObject({
            code: 'SECRET_FORBIDDEN',
          });
          expect(
            await sluice.projections.findDefinition(tenant, id, tenant === 'acme' ? 1 : undefined),
          ).toBeUndefined();
        }

        // An action that asks by name at run time gets no further.
        const byCode = definition('by-code', '{ read: PAY_KEY }');
        expect(await sluice.run(byCode)).toEqual({ right: true });
        await client.publishDefinition(byCode, { tenant: 'globex' });
        const foreign = await client.start('by-code', {}, { tenant: 'globex' });
        await expect(sluice.result(foreign)).rejects.toMatchObject({ code: 'SECRET_FORBIDDEN' });

        // Taken away while the worker runs: what was published before is refused, too.
        await grant({ PAY_KEY: { tenants: ['globex'] } });
        await waitFor(() => secrets.belongsTo?.('PAY_KEY', { tenant: 'acme', definition: 'pay' }) === false);
        await expect(sluice.result(await sluice.start('pay'))).rejects.toMatchObject({
          code: 'SECRET_FORBIDDEN',
        });

        // A file that is half written changes nothing.
        await writeFile(path, '{"secrets": {');
        await waitFor(() => lines.some((line) => line.includes('is not valid')));
        expect(secrets.belongsTo?.('PAY_KEY', { tenant: 'globex', definition: 'any' })).toBe(true);
      });
    } finally {
      close();
    }
  });

  it.each([
    ['no JSON', '{', 'it is not JSON'],
    ['a secret named twice', '{"secrets":{"A":{"tenants":["a"]},"A":{"tenants":["*"]}}}', 'A'],
    ['no tenants', '{"secrets":{"A":{"tenants":[]}}}', 'secrets.A.tenants'],
    ['a name that no secret has', '{"secrets":{"a b":{"tenants":["a"]}}}', 'secrets.a b'],
    ['an unknown word', '{"secrets":{"A":{"tenants":["a"],"definition":["x"]}}}', 'definition'],
  ])('stops the start where its file has %s', async (_, text, message) => {
    await writeFile(path, text);
    const refusal = await readSecretGrants(path).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'CONFIG_INVALID' });
    expect((refusal as Error).message).toContain(message);
  });
});
