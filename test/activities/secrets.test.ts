import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import type { SecretRef } from '../../contracts/run/activity-refs.js';
import type { Json } from '../../contracts/json.js';
import { waitFor } from '../support/wait-for.js';
import { gate } from './gate.js';
import { openWorld, type World } from './world.js';

const SECRET = 'sk_live_"4f/9c+b7\\d2=e1';
const FORMS = [
  SECRET,
  JSON.stringify(SECRET).slice(1, -1),
  encodeURIComponent(SECRET),
  Buffer.from(SECRET).toString('base64'),
  Buffer.from(SECRET).toString('base64url'),
  Buffer.from(SECRET).toString('hex').toUpperCase(),
  JSON.stringify(SECRET).slice(1, -1).replaceAll('/', '\\/'),
  encodeURIComponent(SECRET).toLowerCase(),
  SECRET.slice(0, -1),
];

const beaten = gate();

/** What the action saw: kept here, where nothing else looks. */
const seen: unknown[] = [];

const leak = defineAction({
  id: 'test.leak',
  version: 1,
  input: z.object({ apiKey: z.string(), how: z.string().default('output'), note: z.unknown().optional() }),
  output: z.unknown(),
  async run({ apiKey, how, note }, context) {
    seen.push({ apiKey, note });
    if (how === 'own') return { mine: await context.secret('API_KEY') };
    const all = { plain: apiKey, within: `Bearer ${apiKey}!`, [`key ${apiKey}`]: 1, forms: FORMS };
    context.log.info(`calling with ${apiKey}`, { headers: all });
    context.heartbeat(all);
    switch (how) {
      case 'wait':
        await beaten.open;
        return null;
      case 'output':
        context.artifact(`at ${apiKey}`);
        context.writes.add('row', 'UPSERT leaked:one CONTENT $all', { all });
        return all;
      case 'error':
        throw new SluiceError('REFUSED', `refused ${apiKey}`, {
          details: all,
          cause: new Error(`because of ${apiKey}`),
        });
      case 'type':
        throw new TypeError(`cannot use ${FORMS.join(' or ')}`);
      case 'output-schema':
        throw new z.ZodError([{ code: 'custom', message: `got ${apiKey}`, path: [apiKey], input: apiKey }]);
      default:
        return null;
    }
  },
});

let world: World;
beforeAll(async () => {
  world = await openWorld({ actions: [leak] });
  world.secrets['API_KEY'] = SECRET;
});
afterAll(() => world.close());

const SECRETS: SecretRef[] = [{ path: ['apiKey'], name: 'API_KEY' }];
const call = (input: Json, secrets = SECRETS) =>
  world.call({ type: 'test.leak', input, envelope: { secrets }, heartbeatMs: 300 });
const input = (how: string) => ({ apiKey: { $secret: 'API_KEY' }, how });

/** Where the secret may never stand, in none of its forms. */
async function expectNowhere(workflowId: string): Promise<void> {
  const places = {
    history: await world.history(workflowId),
    database: await world.dump(),
    log: world.logged.join('\n'),
  };
  for (const [place, text] of Object.entries(places)) {
    for (const form of FORMS) {
      // Each place is JSON: a string in it is escaped once more.
      for (const shown of [form, JSON.stringify(form).slice(1, -1)]) {
        expect(text.includes(shown), `${shown} in the ${place}`).toBe(false);
      }
    }
  }
  expect(places.history).toContain('API_KEY');
  expect(places.log).toContain('calling with [secret:API_KEY]');
}

describe('a secret', () => {
  it('a secret reaches the action, and neither history, nor a table, nor the log, in any form', async () => {
    const { outcome, runId, workflowId } = await call(input('output'));
    expect(seen.at(-1)).toMatchObject({ apiKey: SECRET });
    expect(outcome).toMatchObject({
      kind: 'result',
      result: {
        output: {
          plain: '[secret:API_KEY]',
          within: 'Bearer [secret:API_KEY]!',
          'key [secret:API_KEY]': 1,
          forms: FORMS.map(() => '[secret:API_KEY]'),
        },
        artifacts: ['at [secret:API_KEY]'],
      },
    });
    expect(await world.ledger(runId)).toMatchObject({ input: input('output') });
    expect(await world.dump()).toContain('leaked');
    await expectNowhere(workflowId);
  });

  it('a secret is not in the progress that the Web UI shows', async () => {
    const handle = await world.start({
      type: 'test.leak',
      input: input('wait'),
      envelope: { secrets: SECRETS },
      heartbeatMs: 300,
    });
    const shown = await waitFor(async () => {
      const { pendingActivities } = (await handle.describe()).raw;
      const [payload] = pendingActivities?.[0]?.heartbeatDetails?.payloads ?? [];
      return payload?.data && Buffer.from(payload.data).toString('utf8');
    });
    expect(shown).toContain('Bearer [secret:API_KEY]!');
    for (const form of FORMS) expect(shown).not.toContain(JSON.stringify(form).slice(1, -1));
    beaten.release();
    await handle.result();
  });

  it.each(['error', 'type', 'output-schema'])(
    'a secret is in no message, detail or stack of an error: %s',
    async (how) => {
      const { outcome, workflowId } = await call(input(how));
      expect(outcome.kind).toBe('failure');
      expect(JSON.stringify(outcome)).toContain('[secret:API_KEY]');
      await expectNowhere(workflowId);
    },
  );

  it('a secret that the action reads by itself is hidden too', async () => {
    const { outcome, workflowId } = await call({ apiKey: 'none', how: 'own' }, []);
    expect(outcome).toMatchObject({ result: { output: { mine: '[secret:API_KEY]' } } });
    await expectNowhere(workflowId);
  });

  it('a secret is read for each use: the next action sees a rotated one', async () => {
    world.secrets['ROTATED'] = 'first-value';
    const rotated = [{ path: ['apiKey'], name: 'ROTATED' }];
    await call({ apiKey: { $secret: 'ROTATED' } }, rotated);
    world.secrets['ROTATED'] = 'second-value';
    await call({ apiKey: { $secret: 'ROTATED' } }, rotated);
    expect(seen.slice(-2)).toMatchObject([{ apiKey: 'first-value' }, { apiKey: 'second-value' }]);
  });

  it('a secret of a few characters is replaced only where it is the whole string', async () => {
    world.secrets['PIN'] = '12';
    const { outcome } = await call({ apiKey: { $secret: 'PIN' } }, [{ path: ['apiKey'], name: 'PIN' }]);
    expect(outcome).toMatchObject({ result: { output: { plain: '[secret:PIN]', within: 'Bearer 12!' } } });
  });
});

describe('data that looks like a secret', () => {
  it('data that looks like a secret stays data: only what the author wrote is resolved', async () => {
    const { outcome } = await call({
      ...input('output'),
      note: { $secret: 'API_KEY', deep: [{ $secret: 'API_KEY' }] },
    });
    expect(outcome.kind).toBe('result');
    expect(seen.at(-1)).toMatchObject({ note: { $secret: 'API_KEY', deep: [{ $secret: 'API_KEY' }] } });
    await call({ apiKey: 'k', note: { $secret: 'API_KEY' } }, []);
    expect(seen.at(-1)).toMatchObject({ note: { $secret: 'API_KEY' } });
  });
});

describe('a missing secret', () => {
  it('a missing secret fails the step, by name, after the events have committed', async () => {
    const { outcome, runId } = await call({ apiKey: { $secret: 'NO_SUCH' } }, [
      { path: ['apiKey'], name: 'NO_SUCH' },
    ]);
    expect(outcome).toMatchObject({
      kind: 'failure',
      type: 'SECRET_NOT_FOUND',
      message: 'This worker has no secret "NO_SUCH"',
      nonRetryable: true,
    });
    expect(await world.ledger(runId)).toMatchObject({
      status: 'FAILED',
      error: { code: 'SECRET_NOT_FOUND' },
    });
  });

  it('a secret that is gone does not matter to an action that has succeeded', async () => {
    world.secrets['GONE'] = 'here-for-now';
    const request = {
      type: 'test.leak',
      input: { apiKey: { $secret: 'GONE' } },
      envelope: { secrets: [{ path: ['apiKey'], name: 'GONE' }], idempotencyKey: 'with-gone' },
    };
    await world.call(request);
    delete world.secrets['GONE'];
    expect((await world.call(request)).outcome).toMatchObject({ kind: 'result', result: { recorded: true } });
  });
});
