/** A database that loses its schema while its connection stays. */
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { answerOf } from '../../../contracts/services/watch.js';
import { openProjections } from '../../../projections/index.js';
import { ServiceStates } from '../../../worker/health/service-states.js';
import { startWorkerHealth } from '../../../worker/health/worker-health.js';
import { freePort } from '../../../worker/temporal-server/ports.js';

it('the health of a worker says that the database has lost its schema, and that it is back', async () => {
  const projections = await openProjections({ url: 'mem://' });
  const states = new ServiceStates(pino({ level: 'silent' }));
  const address = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const health = await startWorkerHealth(address, states, new AbortController().signal);
  const look = async () => {
    states.noteSchema(await answerOf('database', () => projections.requireSchema()));
    const answer = await fetch(`http://${address}/health`);
    return { status: answer.status, body: await answer.json() };
  };
  const ask = async (text: string, variables = {}) => {
    const last = (await projections.database.request(text, variables)).at(-1);
    return last?.ok === true ? last.value : undefined;
  };
  try {
    states.begin();
    expect(await look()).toEqual({ status: 200, body: { status: 'ok', services: [] } });
    const rows = await ask('DELETE schema_migration RETURN BEFORE');
    expect(await look()).toEqual({
      status: 503,
      body: { status: 'waiting', services: [{ service: 'database', code: 'SCHEMA_MISSING' }] },
    });
    await ask('INSERT INTO schema_migration $rows', { rows });
    expect(await look()).toEqual({ status: 200, body: { status: 'ok', services: [] } });

    // A connection that is lost says so by itself, and a look at the schema does not take that back.
    states.note('database', { code: 'DATABASE_UNAVAILABLE', reason: 'away' });
    states.noteSchema(undefined);
    expect(states.losses.get('database')?.code).toBe('DATABASE_UNAVAILABLE');
  } finally {
    await health.close();
    await projections.close();
  }
});
