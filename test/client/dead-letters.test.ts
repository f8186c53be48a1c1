/** Dead letters from an application and from the command line, on a real server: docs/dead-letters.md. */
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import type { Json } from '../../contracts/json.js';
import { runCommand } from '../support/command.js';
import { useSluice } from '../support/sluice.js';

/** Whether the service that the compensation calls works. */
let works = false;
const undone: { readonly key: string; readonly attempt: number; readonly what: unknown }[] = [];

const make = defineAction({
  id: 'test.make',
  version: 1,
  description: 'Makes a thing.',
  input: z.string(),
  output: z.object({ id: z.string() }),
  run(input, context) {
    context.artifact(`thing-${input}`);
    return { id: `thing-${input}` };
  },
});
const unmake = defineAction({
  id: 'test.unmake',
  version: 1,
  description: 'Unmakes a thing, when its service works.',
  input: z.object({ id: z.string(), token: z.string() }),
  output: z.null(),
  run(input, context) {
    if (!works) throw new SluiceError('SERVICE_DOWN', 'the service does not answer');
    const { idempotencyKey: key, attempt, compensation } = context;
    undone.push({ key, attempt, what: [input.id, input.token, compensation?.artifacts_to_undo] });
    return null;
  },
});

const sluice = useSluice({ actions: [make, unmake], secrets: { TOKEN: 't0ken' } });
afterAll(() => void undone.splice(0));

let count = 0;
/** Starts a run whose compensation fails. @returns the id of its dead letter */
async function failedLetter(): Promise<{ readonly id: string; readonly runId: string }> {
  works = false;
  const definition = `letter-${++count}`;
  const steps: Json = [
    {
      id: 'make',
      type: 'action.call',
      action: 'test.make',
      input: definition,
      compensate: {
        action: 'test.unmake',
        input: { id: { $expr: 'output.id' }, token: { $secret: 'TOKEN' } },
      },
    },
    { id: 'no', type: 'control.fail' },
  ];
  await sluice().client.publishDefinition(JSON.stringify({ id: definition, version: 1, steps }), {
    format: 'json',
  });
  const run = await sluice().start(definition, {});
  await expect(sluice().result(run)).rejects.toMatchObject({ code: 'FAILED' });
  const { items } = await sluice().client.deadLetters.list({ runId: run.runId });
  expect(items).toMatchObject([
    {
      kind: 'compensation',
      status: 'OPEN',
      subject: 'test.unmake of make',
      reason: 'SERVICE_DOWN: the service does not answer',
      canRetry: true,
    },
  ]);
  return { id: items[0]?.id ?? '', runId: run.runId };
}

const actsOf = async (id: string) =>
  (await sluice().client.deadLetters.show(id)).acts.map(({ act, actor, note }) => [act, actor, note]);

describe('a compensation that failed', () => {
  it('a retried compensation runs on its normal path: same key, secrets, artifacts, a step of the run, audited', async () => {
    const { id, runId } = await failedLetter();
    const before = undone.length;
    const { deadLetters } = sluice().client;
    await expect(deadLetters.retry(id, { actor: 'ada', note: 'is it back?' })).rejects.toMatchObject({
      code: 'SERVICE_DOWN',
    });
    expect(await deadLetters.show(id)).toMatchObject({ status: 'OPEN' });
    works = true;
    await deadLetters.retry(id, { actor: 'ada' });
    expect(undone.slice(before)).toEqual([
      {
        key: `${runId}/steps[0]/compensate`,
        attempt: 3,
        what: [`thing-letter-${count}`, 't0ken', [`thing-letter-${count}`]],
      },
    ]);
    expect(await deadLetters.show(id)).toMatchObject({ status: 'RETRIED' });
    expect(await actsOf(id)).toEqual([
      ['retry', 'ada', 'is it back?'],
      ['failed', 'ada', 'SERVICE_DOWN: the service does not answer'],
      ['retry', 'ada', null],
      ['retried', 'ada', null],
    ]);
    const { items } = await sluice().projections.reads.listSteps(sluice().tenant, runId);
    expect(items.find(({ path, attempt }) => path === 'steps[0].compensate' && attempt === 3)).toMatchObject({
      status: 'SUCCEEDED',
      undoes: 'steps[0]',
    });
    expect(JSON.stringify(await deadLetters.show(id))).not.toContain('t0ken');
  });

  it('a compensation that is retried several times is done once', async () => {
    const { id } = await failedLetter();
    works = true;
    const before = undone.length;
    const { deadLetters } = sluice().client;
    const outcomes = await Promise.allSettled([
      deadLetters.retry(id),
      deadLetters.retry(id),
      deadLetters.retry(id),
    ]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(deadLetters.retry(id)).rejects.toMatchObject({ code: 'DEAD_LETTER_CLOSED' });
    await expect(deadLetters.dismiss(id)).rejects.toMatchObject({ code: 'DEAD_LETTER_CLOSED' });
    expect(undone.length).toBe(before + 1);
  });

  it('a dismissed letter keeps its reason and cannot be retried', async () => {
    const { id } = await failedLetter();
    works = true;
    const { deadLetters } = sluice().client;
    await deadLetters.dismiss(id, { actor: 'bob', note: 'done by hand' });
    expect(await actsOf(id)).toEqual([['dismiss', 'bob', 'done by hand']]);
    await expect(deadLetters.retry(id)).rejects.toMatchObject({ code: 'DEAD_LETTER_CLOSED' });
    await expect(deadLetters.show('compensation-nothing')).rejects.toMatchObject({
      code: 'DEAD_LETTER_NOT_FOUND',
    });
  });
});

describe('other kinds', () => {
  it('an event is retried over the bus; without a bus its letter stays open', async () => {
    const { tenant, client, projections } = sluice();
    const envelope = { eventId: 'e-1', eventName: 'X', tenantId: tenant, payload: null };
    await projections.deadLetters.put([
      {
        tenant,
        id: 'event-1',
        kind: 'event',
        subject: 'sluice:events/1-0',
        reason: 'EVENT_POISON: failed',
        retryWith: { envelope },
        at: Date.now(),
      },
      { tenant, id: 'event-2', kind: 'event', subject: 'no JSON', reason: 'EVENT_INVALID', at: Date.now() },
    ]);
    await expect(client.deadLetters.retry('event-1')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await client.deadLetters.show('event-1')).toMatchObject({ status: 'OPEN', acts: [] });
    const sent: unknown[] = [];
    const { createSluiceClient } = await import('../../client/index.js');
    const { address, namespace } = sluice().temporal;
    const withBus = await createSluiceClient({
      address,
      namespace,
      taskQueue: sluice().taskQueue,
      tenant,
      bus: {
        publish(event) {
          sent.push(event);
          return Promise.resolve();
        },
      },
    });
    try {
      await withBus.deadLetters.retry('event-1');
      await expect(withBus.deadLetters.retry('event-2')).rejects.toMatchObject({
        code: 'DEAD_LETTER_NOT_RETRYABLE',
      });
    } finally {
      await withBus.close();
    }
    expect(sent).toEqual([envelope]);
    expect(await client.deadLetters.show('event-1')).toMatchObject({ status: 'RETRIED' });
  });

  it('the retry of a message that retention has removed is refused, and the message is not marked as sent', async () => {
    const { tenant, client, projections } = sluice();
    const letter = { kind: 'outbox' as const, subject: 'e-8', reason: 'x', body: '{}', at: Date.now() };
    const retryWith = { key: [tenant, 'run-gone', 1, 7, 'e-8'] };
    await projections.deadLetters.put([{ tenant, id: 'outbox-gone', retryWith, ...letter }]);
    await expect(client.deadLetters.retry('outbox-gone')).rejects.toMatchObject({
      code: 'DEAD_LETTER_NOT_RETRYABLE',
    });
    expect(await client.deadLetters.show('outbox-gone')).toMatchObject({ status: 'OPEN', acts: [] });
  });

  it('a message of the outbox becomes due again for the relay', async () => {
    const { tenant, client, projections } = sluice();
    const key = [tenant, 'run-1', 1, 7, 'e-7'];
    await projections.database.request(
      `CREATE type::record('outbox', $key) SET tenant = $key[0], event_id = 'e-7', event_name = 'X', envelope = '{}', status = 'DEAD', attempts = 5, position = 1, created_at = time::now()`,
      { key },
    );
    await projections.deadLetters.put([
      {
        tenant,
        id: 'outbox-1',
        kind: 'outbox',
        subject: 'e-7',
        reason: 'x',
        retryWith: { key },
        at: Date.now(),
      },
    ]);
    await client.deadLetters.retry('outbox-1');
    const due = (await projections.events.dueOutbox(undefined, 10)).items.map((row) => row.key);
    expect(due).toContainEqual(key);
    expect(await client.deadLetters.show('outbox-1')).toMatchObject({ status: 'RETRIED' });
  });
});

describe('lists', () => {
  it('lists come page by page, newest first, open ones first, of one tenant', async () => {
    const { client, projections } = sluice();
    const tenant = `${sluice().tenant}-pages`;
    const at = Date.parse('2026-01-01T00:00:00Z');
    await projections.deadLetters.put(
      Array.from({ length: 25 }, (_, i) => ({
        tenant,
        id: `notification-${i}`,
        kind: 'notification' as const,
        subject: `n ${i}`,
        reason: 'x',
        at: at + i,
      })),
    );
    await client.deadLetters.dismiss('notification-24', { tenant });
    const seen: string[] = [];
    for (let after: string | undefined, pages = 0; pages < 10; pages++) {
      const page = await client.deadLetters.list({
        tenant,
        limit: 10,
        ...(after !== undefined && { after }),
      });
      seen.push(...page.items.map(({ subject }) => subject));
      if (page.next === null) break;
      after = page.next;
    }
    expect(seen).toEqual([...Array.from({ length: 24 }, (_, i) => `n ${23 - i}`), 'n 24']);
    expect((await client.deadLetters.list({ tenant, status: 'DISMISSED' })).items).toHaveLength(1);
    expect((await client.deadLetters.list({ tenant, kind: 'event' })).items).toEqual([]);
  });
});

describe('sluice dead-letters', () => {
  const BIN = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
  const command = (...args: string[]) => {
    const { temporal, taskQueue, tenant } = sluice();
    const place = ['--address', temporal.address, '--namespace', temporal.namespace];
    return runCommand(process.execPath, [
      ...[BIN, 'dead-letters', ...args],
      ...[...place, '--task-queue', taskQueue, '--tenant', tenant, '--json'],
    ]);
  };
  const lines = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);

  it('`sluice dead-letters` retries in bulk, after a dry run that does nothing', async () => {
    const one = await failedLetter();
    works = true;
    const before = undone.length;
    const dry = await command('retry', '--all', '--run', one.runId, '--dry-run');
    expect(lines(dry.stdout)).toMatchObject([{ id: one.id, act: 'retry', dryRun: true, status: 'OPEN' }]);
    expect(undone.length).toBe(before);
    const unasked = await command('retry', '--all', '--run', one.runId);
    expect([unasked.code, undone.length]).toEqual([2, before]);
    const done = await command('retry', '--all', '--run', one.runId, '--yes', '--note', 'it is back');
    expect(lines(done.stdout)).toEqual([{ id: one.id, act: 'retry', done: true, status: 'RETRIED' }]);
    expect(done.code).toBe(0);
    expect(undone.length).toBe(before + 1);
    const shown = await command('list', '--status', 'all', '--run', one.runId);
    expect(lines(shown.stdout)).toMatchObject([{ id: one.id, status: 'RETRIED' }]);
  });
});
