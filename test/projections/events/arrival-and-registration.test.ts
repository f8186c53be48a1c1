/**
 * An event that arrives while a wait for it is being registered: two transactions, taken apart and
 * interleaved in every possible order. In each order one of the two sees the other.
 */
import { createNodeEngines } from '@surrealdb/node';
import { Surreal } from 'surrealdb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { correlate } from '../../../contracts/events/correlation.js';
import type { InboundEvent } from '../../../contracts/inbound-event.js';
import type { Execution } from '../../../contracts/run/projection.js';
import { rowMergeStatements } from '../../../projections/domain/row-merge.js';
import type { Database, Variables } from '../../../projections/connection/connection.js';
import { PLAIN } from '../../../projections/values/value-seal.js';
import { migrate } from '../../../projections/migrations/migrate.js';
import { openWaitStatements } from '../../../projections/domain/open-waits.js';
import { deliveriesOf } from '../../../projections/reads/events/event-rows.js';
import { missedEvents } from '../../../projections/reads/events/missed-events.js';
import { UnreadableRows } from '../../../projections/connection/unreadable.js';
import { commit, type Statement } from '../../../projections/connection/unit-of-work.js';
import { arrivalStatements } from '../../../projections/writers/events/record-event.js';
import { event, execution, runStarted, START_MS } from '../support/runs.js';

let surreal: Surreal;
let database: Database;

beforeAll(async () => {
  surreal = new Surreal({ engines: createNodeEngines(), codecOptions: { useNativeDates: true } });
  await surreal.connect('mem://', { namespace: 'sluice', database: 'sluice' });
  const request: Database['request'] = async (text, variables = {}) => {
    const answers = await surreal.query(text, { ...variables }).responses();
    return answers.map((answer) =>
      answer.success ? { ok: true, value: answer.result } : { ok: false, reason: answer.error.message },
    );
  };
  database = {
    request,
    transact: request,
    close: () => surreal.close().then(() => undefined),
    unreadable: new UnreadableRows(undefined),
    seal: PLAIN,
  };
  await migrate(database);
});
afterAll(() => database.close());

/** A transaction in steps: begin, two or more pieces, commit. One that loses is repeated as a whole. */
interface Work {
  readonly pieces: readonly Statement[][];
  readonly variables: Variables;
}

let count = 0;

function scene(): {
  readonly run: Execution;
  readonly arrival: Work;
  readonly registration: Work;
  readonly bus: InboundEvent;
} {
  count += 1;
  const run = execution({ tenant: `t${count}` });
  const bus: InboundEvent = {
    tenant: `t${count}`,
    source: 'shop',
    id: 'e-1',
    name: 'PAID',
    time: null,
    correlationKey: 'o-1',
    payload: { cents: 5 },
  };
  const arrived = arrivalStatements(PLAIN, {
    event: bus,
    envelope: {},
    correlation: correlate(bus, {}),
    via: 'http',
    receivedAt: new Date(START_MS + 1_000),
  });
  const events = [
    runStarted(),
    event(2, 'STEP_STARTED', { id: 'w', kind: 'event.wait' }, { path: 'steps[0]' }),
    event(
      3,
      'WAIT_OPENED',
      { kind: 'event', eventNames: ['PAID'], correlationKey: 'o-1', since: START_MS },
      { path: 'steps[0]' },
    ),
  ];
  const first = [...arrived.statements];
  const rows = rowMergeStatements(PLAIN, run, events);
  const follow = openWaitStatements(run, events);
  return {
    run,
    bus,
    arrival: { pieces: [first.slice(0, 2), first.slice(2, 3), first.slice(3)], variables: arrived.variables },
    registration: {
      pieces: [[...rows.statements], [...follow.statements]],
      variables: { ...rows.variables, ...follow.variables },
    },
  };
}

/** Every way to interleave `a` turns of one transaction with `b` turns of the other. */
function orders(a: number, b: number): string[] {
  if (a === 0) return ['b'.repeat(b)];
  if (b === 0) return ['a'.repeat(a)];
  return [...orders(a - 1, b).map((rest) => `a${rest}`), ...orders(a, b - 1).map((rest) => `b${rest}`)];
}

/**
 * The turns of a transaction: begin, each piece, commit, and one for the work after the commit. A
 * transaction that loses is repeated as a whole at the end.
 */
function player(
  work: Work,
  after: () => Promise<void>,
): { readonly turns: number; play(): Promise<void>; end(): Promise<boolean> } {
  let transaction: Awaited<ReturnType<Surreal['beginTransaction']>> | undefined;
  let turn = 0;
  let lost = false;
  return {
    turns: work.pieces.length + 3,
    async play() {
      const now = turn++;
      if (lost) return;
      try {
        if (now === 0) {
          transaction = await surreal.beginTransaction();
        } else if (now <= work.pieces.length) {
          const text = (work.pieces[now - 1] ?? []).map((one) => one.text).join(';\n');
          const answers = await transaction?.query(text, { ...work.variables }).responses();
          const failed = answers?.find((answer) => !answer.success);
          if (failed?.success === false) throw failed.error;
        } else if (now === work.pieces.length + 1) {
          await transaction?.commit();
        } else {
          await after();
        }
      } catch (error) {
        expect(String(error)).toMatch(/conflict|retried|cancelled|NotExecuted|already exists/i);
        lost = true;
        await transaction?.cancel().catch(() => undefined);
      }
    },
    async end() {
      if (lost) {
        await commit(database, work.pieces.flat(), work.variables);
        await after();
      }
      return lost;
    },
  };
}

/** Plays one order; returns which of the two saw the other. */
async function play(order: string, change: (work: Work) => Work = (work) => work) {
  const { run, arrival, registration, bus } = scene();
  let registrationSaw = false;
  const a = player(change(arrival), () => Promise.resolve());
  const b = player(change(registration), async () => {
    const wait = { place: 'steps[0]', eventNames: ['PAID'], correlationKey: 'o-1', since: START_MS };
    const waits = [{ ...wait, filters: [], full: false }];
    const missed = await missedEvents(database, { ...run.run, tenant: bus.tenant }, waits);
    registrationSaw = missed.events.length > 0;
  });
  for (const turn of `${order}a`) await (turn === 'a' ? a : b).play();
  const lost = [await a.end(), await b.end()];
  const arrivalSaw = (await deliveriesOf(database, bus)).some(
    (delivery) => delivery.run_id === run.run.runId,
  );
  return { arrivalSaw, registrationSaw, lost };
}

function withoutGuard({ pieces, variables }: Work): Work {
  const strip = (one: Statement): Statement => ({
    ...one,
    text: one.text.replace(/UPSERT type::record\('event_guard'[\s\S]*?RETURN NONE;?/g, ''),
  });
  return { pieces: pieces.map((piece) => piece.map(strip)), variables };
}

describe('an event that arrives while a wait for it is registered', () => {
  const { arrival, registration } = scene();
  const all = orders(arrival.pieces.length + 2, registration.pieces.length + 3);

  it(`one of the two transactions sees the other in each of the ${all.length} orders of their steps`, async () => {
    const seen = new Set<string>();
    for (const order of all) {
      const { arrivalSaw, registrationSaw, lost } = await play(order);
      expect(arrivalSaw || registrationSaw, order).toBe(true);
      seen.add(`${arrivalSaw} ${lost.join()}`);
    }
    // Both outcomes occurred, and in some orders one of the two was repeated.
    expect([...seen].some((one) => one.startsWith('true'))).toBe(true);
    expect([...seen].some((one) => one.startsWith('false'))).toBe(true);
    expect([...seen].some((one) => one.includes('true,') || one.endsWith('true'))).toBe(true);
  });

  it('some orders would lose the event without the guard record', async () => {
    const outcomes: boolean[] = [];
    for (const order of all) {
      const { arrivalSaw, registrationSaw } = await play(order, withoutGuard);
      outcomes.push(arrivalSaw || registrationSaw);
    }
    expect(outcomes).toContain(false);
  });
});
