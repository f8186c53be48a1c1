/**
 * A row that cannot be read, in each table of the schema, put there by hand: all that services do for another
 * tenant goes on, and the row stays.
 */
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import { Relay } from '../../../ingress/relay.js';
import { createBridgeMetrics } from '../../../ingress/routing/metrics.js';
import type { Router } from '../../../ingress/routing/route.js';
import { Sweeper } from '../../../ingress/routing/sweeper.js';
import { Availability } from '../../../ingress/routing/availability.js';
import {
  openProjections,
  type EventStore,
  type Projections,
  type UnreadableRow,
} from '../../../projections/index.js';
import { lookThrough } from '../../../projections/look-through.js';
import { makePass } from '../../../worker/reconciler/pass.js';
import type { TemporalRuns } from '../../../worker/reconciler/temporal-runs.js';
import { waitFor } from '../../support/wait-for.js';
import { execution } from '../support/runs.js';
import { LIFE, READS, WRITES } from '../support/tenant-life.js';

const BROKEN = 'broken by hand: a secret';
/** Sorts above every key of a tenant that Sluice writes. */
const STRAY = { odd: true };
const TENANT_STRAY = ['acme', STRAY];

/**
 * How the row of the tenant `acme` is broken: a column that gets a value which Sluice never writes there, or,
 * where the key says everything, the key of a stray row.
 */
const BROKEN_ROWS: Readonly<Record<string, string | readonly unknown[]>> = {
  action_invocation: 'started_at',
  api_request: 'until',
  api_request_due: [0, STRAY],
  audit: 'on',
  audit_on: TENANT_STRAY,
  blob: 'text',
  calendar: 'document',
  dead_letter: 'kind',
  dead_letter_list: TENANT_STRAY,
  definition: 'published_at',
  definition_act: 'by',
  definition_latest: 'version',
  definition_triggers: 'schedules',
  event_by_key: TENANT_STRAY,
  event_delivery: 'found_by',
  event_guard: 'turn',
  event_list: ['acme', 'all', '', STRAY],
  event_trigger: 'spec',
  event_unfinished: [1, STRAY],
  evidence: 'at',
  inbound_event: 'envelope',
  open_wait: 'workflow_id',
  outbox: 'envelope',
  outbox_due: TENANT_STRAY,
  outbox_head: 'sent',
  reconcile_turn: 'due',
  relay_lease: 'until',
  run: 'status',
  run_event: 'data',
  run_execution: 'seen_at',
  run_head: 'execution',
  run_invocation: TENANT_STRAY,
  run_list: TENANT_STRAY,
  run_watch: TENANT_STRAY,
  step: 'status',
  task: 'body',
  task_action: 'entry',
  task_list: ['acme', 'all', STRAY],
  task_notification: 'category',
  temporal_owner: 'namespace_id',
  trigger_retry: 'act',
  wait: 'status',
};
/** Without these no process starts; migrations.test.ts has what is refused. */
const OF_THE_SCHEMA = ['encryption', 'schema_lock', 'schema_migration'];
/** The reconciler derives these again from the log, and the next holder writes a turn or a lease anew. */
const REWRITTEN = [
  'run',
  'run_head',
  'step',
  'wait',
  'open_wait',
  'outbox_head',
  'reconcile_turn',
  'relay_lease',
];

const log = pino({ level: 'silent' });
const opened: Projections[] = [];
afterAll(() => Promise.all(opened.map((one) => one.close())));

async function must(all: Projections, text: string, variables = {}): Promise<unknown> {
  const last = (await all.database.request(text, variables)).at(-1);
  if (last?.ok !== true) throw new Error(last?.reason ?? 'no answer');
  return last.value;
}

/** What the definition of these runs is. */
const SOURCE = readFileSync(new URL('../../../examples/order-fulfilment.yaml', import.meta.url), 'utf8');

async function world() {
  const seen: UnreadableRow[] = [];
  const all = await openProjections({ url: 'mem://', onUnreadable: (row) => seen.push(row) });
  opened.push(all);
  const [acme, beta] = ['acme', 'beta'].map((tenant) => execution({ tenant })) as [
    ReturnType<typeof execution>,
    ReturnType<typeof execution>,
  ];
  for (const of of [acme, beta]) {
    for (const live of Object.values(LIFE)) await live(all, of);
    await WRITES['deadLetters.requeueTrigger']?.(all, of);
    await all.putDefinition(
      of.run.tenant,
      {
        pin: { id: 'order-fulfilment', version: 3, hash: 'a'.repeat(64) },
        source: SOURCE,
        format: 'yaml',
        publishedBy: 'alice',
      },
      { events: [], schedules: [] },
    );
  }
  await all.maintenance.claimForTemporal({ namespace: 'n', namespaceId: 'n-1', global: false });
  await must(all, `UPSERT reconcile_turn:pass SET due = d'2020-01-01T00:00:00Z' RETURN NONE`);
  await must(all, `UPSERT relay_lease:relay SET holder = 'gone', until = 0 RETURN NONE`);
  await must(all, `CREATE outbox_head:[$tenant, $run] SET sent = 0 RETURN NONE`, {
    ...{ tenant: 'acme', run: acme.run.runId },
  });
  // The blob of acme's event.
  await must(
    all,
    `CREATE blob:['acme', 'event', 'h'] SET text = '{}' RETURN NONE; UPDATE inbound_event:['acme', 'shop', 'e-0'] SET envelope = '@h' RETURN NONE`,
  );
  return { all, acme, beta, seen };
}

/** Breaks a row of acme. @returns its id */
async function breakRow(all: Projections, table: string): Promise<unknown> {
  const how = BROKEN_ROWS[table];
  if (typeof how !== 'string') {
    await must(all, `CREATE type::record('${table}', $key) RETURN NONE`, { key: how });
    return (
      (await must(all, `SELECT VALUE id FROM type::record('${table}', $key)`, { key: how })) as unknown[]
    )[0];
  }
  await must(all, `DEFINE FIELD OVERWRITE ${how} ON ${table} TYPE any`);
  const [id] = (await must(all, `SELECT VALUE id FROM ${table} LIMIT 1`)) as unknown[];
  expect(id, `${table} has a row`).toBeDefined();
  await must(all, `UPDATE $id SET ${how} = $value RETURN NONE`, { id, value: BROKEN });
  return id;
}

/** A bridge's relay and sweeper, until they have done all that they can. */
async function route(events: EventStore, all: Projections) {
  const sent: unknown[] = [];
  const swept: string[] = [];
  const errors: string[] = [];
  const onError = (error: Error) => errors.push(error.message);
  const availability = new Availability(
    () => Promise.resolve(),
    () => undefined,
  );
  const router = {
    resume: async (key: { tenant: string }) => {
      await events.envelope(key as never);
      swept.push(`${key.tenant} event`);
    },
    retryTrigger: ({ tenant }: { tenant: string }) => Promise.resolve(void swept.push(`${tenant} retry`)),
  } as unknown as Router;
  const sweeper = new Sweeper(router, events, onError, { settledMs: 0, everyMs: 10, page: 1 });
  const relay = new Relay({
    projections: { events, deadLetters: all.deadLetters },
    availability,
    metrics: createBridgeMetrics(['database', 'temporal']),
    send: (envelope) => Promise.resolve(void sent.push(envelope)),
    holder: 'test',
    onError,
  });
  sweeper.start(availability);
  relay.start();
  await waitFor(() => JSON.stringify(sent).includes('"beta"'));
  await waitFor(() => swept.includes('beta event') && swept.includes('beta retry'));
  await Promise.all([sweeper.stop(), relay.stop(), availability.stop()]);
  return errors;
}

/** Temporal, which knows no run. */
const temporal = {
  runningWorkflows: () => Promise.resolve(new Set<string>()),
  running: () => Promise.resolve(new Set()),
  find: () => Promise.resolve(undefined),
  describe: () => Promise.resolve(undefined),
  async *allRunning() {
    // None.
  },
} as unknown as TemporalRuns;

const isStray = (table: string) => typeof BROKEN_ROWS[table] !== 'string';
const ofRuns = (table: string) => /^(run|step|wait|action|evidence)/.test(table);
/** Broken at once: what one row hides from a reader, another one does not hide in another table. */
const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ['with a key of its kind that Sluice does not write', Object.keys(BROKEN_ROWS).filter(isStray)],
  ['of a run', Object.keys(BROKEN_ROWS).filter((table) => !isStray(table) && ofRuns(table))],
  ['of anything else', Object.keys(BROKEN_ROWS).filter((table) => !isStray(table) && !ofRuns(table))],
];

describe('A row that cannot be read [a-row-stops-no-other]', () => {
  it('every table has such a row here', () => {
    const snapshot = readFileSync(new URL('../migrations/schema.snapshot.txt', import.meta.url), 'utf8');
    const tables = [...snapshot.matchAll(/^DEFINE TABLE (\w+)/gm)].map(([, name]) => name);
    expect([...Object.keys(BROKEN_ROWS), ...OF_THE_SCHEMA].sort()).toEqual([...tables].sort());
  });

  it.each(GROUPS)(
    'a row %s stops no relay, sweeper, trigger, list, rebuild, reconciler or prune, and stays',
    async (_, tables) => {
      const { all, beta, seen } = await world();
      const before = new Map<string, unknown>();
      for (const [name, [ask]] of Object.entries(READS)) before.set(name, await ask(all, beta));
      const broken = new Map<string, unknown>();
      for (const table of tables) broken.set(table, await breakRow(all, table));

      for (const [name, [ask]] of Object.entries(READS)) {
        expect(await ask(all, beta), name).toEqual(before.get(name));
      }
      expect(await lookThrough(all.database, 1_000)).toBe(true);
      const errors = await route(all.events, all);
      expect(errors.filter((message) => message.includes('beta'))).toEqual([]);
      const logged = await all.maintenance.loggedRuns();
      expect(logged).toContainEqual({ tenant: 'beta', runId: beta.run.runId });
      await all.maintenance.rebuildRun('beta', beta.run.runId);

      expect(await all.reconciliation.takeTurn(1_000)).toBe(true);
      const passed = await makePass(
        {
          ...{ projections: all, temporal, taskQueue: 'q', log, graceMs: 0, limit: 100 },
          stop: new AbortController().signal,
        },
        { runOf: new Map() },
      );
      expect(passed.closed).toBeGreaterThanOrEqual(1);
      expect(await all.reads.getRun('beta', beta.run.runId)).toMatchObject({ status: 'INTERRUPTED' });

      for (const [table, id] of broken) {
        if (REWRITTEN.includes(table)) continue;
        expect(await must(all, 'SELECT * FROM $id', { id }), table).toHaveLength(1);
      }

      const soon = new Date(Date.now() + 60_000);
      await must(all, `UPDATE audit SET ended_at = time::now() WHERE id[0] = 'beta' RETURN NONE`);
      await must(all, `UPDATE inbound_event SET outcome = 'ROUTED' WHERE tenant = 'beta' RETURN NONE`);
      await must(all, `DELETE trigger_retry WHERE id[0] = 'beta'`);
      for (const remove of [
        () => all.maintenance.removeClosedRuns({ endedBefore: soon, limit: 10 }),
        () => all.maintenance.removeEvents({ receivedBefore: soon, limit: 10 }),
        () => all.maintenance.removeAudit({ begunBefore: soon, limit: 10 }),
      ]) {
        await remove();
      }
      expect(await all.reads.getRun('beta', beta.run.runId)).toBeUndefined();
      expect((await all.events.list('beta', {}, {})).items).toEqual([]);
      expect((await all.reads.listAudit('beta')).items).toEqual([]);

      expect(JSON.stringify(seen)).not.toContain('secret');
    },
  );

  it('a ledger row that cannot be read lets a rebuild remove no step', async () => {
    const { all, acme, seen } = await world();
    const { tenant, runId } = acme.run;
    const paths = async () => (await all.reads.listSteps(tenant, runId)).items.map(({ path }) => path);
    const before = await paths();
    // Only the ledger knows of this step.
    expect(before).toContain('steps[3]');
    await must(all, 'DEFINE FIELD OVERWRITE path ON action_invocation TYPE any');
    await must(all, `UPDATE action_invocation:['acme', 'read'] SET path = 5 RETURN NONE`);
    await all.maintenance.rebuildRun(tenant, runId);
    expect(await paths()).toEqual(before);
    expect(seen.map(({ id }) => id)).toContainEqual(expect.stringContaining('action_invocation'));
  });

  it('such a row is reported once, and found by the doctor', async () => {
    const { all, seen } = await world();
    await breakRow(all, 'outbox');
    await breakRow(all, 'trigger_retry');
    let shown = 0;
    all.database.unreadable.showBy((rows) => (shown = rows));
    for (let n = 0; n < 3; n++) await lookThrough(all.database, 1_000);
    expect(seen).toHaveLength(2);
    expect(shown).toBe(2);
  });
});
