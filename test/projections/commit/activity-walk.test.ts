/**
 * Every activity that writes, failed at every fault point of each of its commits, and retried as Temporal
 * retries it: the outcome and the rows are those of an undisturbed run, except for times and attempts.
 * Activities come from the worker's list, and actions from the registry, so that a new one can't be
 * forgotten.
 */
import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DefaultLogger } from '@temporalio/worker';
import { builtInActions, createActionRegistry } from '../../../actions/index.js';
import { createActivities, type Activities, type ActivityDeps } from '../../../activities/index.js';
import { ShownEvents } from '../../../client/index.js';
import type { Authorizer } from '../../../contracts/authorization.js';
import { beginTask } from '../../../contracts/tasks/decide.js';
import { TaskRequest } from '../../../contracts/tasks/task.js';
import type { FaultPoint, Faults, Projections } from '../../../projections/index.js';
import { waitFor } from '../../support/wait-for.js';
import { onEveryDatabase } from '../support/databases.js';
import { event, execution, runStartedAs, START_MS, stepStarted, uuid7 } from '../support/runs.js';

const of = execution({ runId: uuid7(4_000_000), tenant: 'acme' });
const registry = createActionRegistry(builtInActions({ http: { allowHosts: [] } }));

/** Input of each action. With it the action succeeds or fails without the outside world. */
const INPUTS: Readonly<Record<string, unknown>> = {
  'core.echo': { a: 1 },
  'core.fail': { code: 'NO_FUNDS', message: 'Nothing left', retryable: false },
  'core.log': { message: 'hello' },
  'core.sleep': { durationMs: 1 },
  'http.request': { method: 'GET', url: 'http://127.0.0.1:9/' },
};

interface Walk {
  readonly name: string;
  readonly activity: keyof Activities;
  readonly type: string;
  readonly arguments: readonly unknown[];
  readonly before?: (projections: Projections, activities: Activities) => Promise<unknown>;
}

const OFFICE = { timeZone: 'Europe/Paris', week: { mon: [{ from: '09:00', to: '17:00' }] } };
const published = {
  tenant: 'acme',
  actor: 'alice',
  source: 'id: walked\nversion: 1\nsteps: []\n',
  format: 'yaml',
};

const walkOf = (
  activity: Exclude<keyof Activities, 'default'>,
  request: unknown,
  before?: Walk['before'],
): Walk => ({
  name: activity,
  activity,
  type: activity,
  arguments: [request],
  ...(before === undefined ? {} : { before }),
});

const envelope = (key: string, actionVersion: number) => ({
  run: of.run,
  actor: 'alice',
  step: { path: 'steps[0]', id: 'a', iteration: [], attempt: 1 },
  actionVersion,
  idempotencyKey: `walked ${key}`,
  timeoutMs: 10_000,
  system: { environment: 'test', region: 'here', release: 'r1' },
  events: [runStartedAs(of), stepStarted(2, 'steps[0]', `walked ${key}`)],
});

const task = beginTask(
  TaskRequest.parse({ tenant: 'acme', item: 'walked', title: 't', requestedBy: 'rita' }),
  START_MS,
);
const taskEntry = { seq: 1, at: START_MS, action: 'requested', actor: null, roles: [], proven: true };
const taskWrite = {
  state: task.state,
  entries: [
    { ...taskEntry, requestId: null, given: null, status: 'requested', round: 1, level: 0, refused: null },
  ],
  notices: task.notices.map((notice) => ({ ...notice, at: START_MS })),
};

const WALKS: readonly Walk[] = [
  walkOf('sluice.flushEvents', {
    run: of.run,
    events: [
      runStartedAs(of),
      event(
        2,
        'WAIT_OPENED',
        { kind: 'event', eventNames: ['PAID'], correlationKey: 'o-1' },
        { path: 'steps[0]' },
      ),
      event(3, 'RUN_WAITING', {}),
    ],
  }),
  walkOf('sluice.authorizeStage', {
    run: of.run,
    actor: 'alice',
    step: { path: 'steps[0]', id: 'a', iteration: [], attempt: 1 },
    system: { environment: 'test', region: 'here', release: 'r1' },
    stage: { kind: 'event.publish', eventName: 'PAID' },
  }),
  walkOf('sluice.putCalendar', { tenant: 'acme', actor: 'alice', name: 'office', calendar: OFFICE }),
  walkOf('sluice.publishDefinition', published),
  walkOf(
    'sluice.promoteDefinition',
    { tenant: 'acme', actor: 'alice', definition: 'walked', version: 1 },
    (_, activities) => new MockActivityEnvironment().run(activities['sluice.publishDefinition'], published),
  ),
  walkOf(
    'sluice.unpublishDefinition',
    { tenant: 'acme', actor: 'alice', definition: 'walked' },
    (_, activities) => new MockActivityEnvironment().run(activities['sluice.publishDefinition'], published),
  ),
  walkOf(
    'sluice.deadLetters',
    { act: 'dismiss', tenant: 'acme', id: 'd-1', actor: 'alice', note: 'seen' },
    ({ deadLetters }) =>
      deadLetters.put([
        { tenant: 'acme', id: 'd-1', kind: 'event', subject: 's', reason: 'r', at: START_MS },
      ]),
  ),
  walkOf('sluice.completeAction', {
    action: 'core.echo',
    input: { a: 1 },
    envelope: envelope('by hand', 1),
    value: { a: 1 },
  }),
  {
    ...walkOf('sluice.recordTask', taskWrite),
    arguments: [taskWrite, 'first'],
  },
  ...registry.actions.map(({ id, version }): Walk => ({
    name: id,
    activity: 'default',
    type: id,
    arguments: [INPUTS[id], envelope(id, version)],
  })),
];

// These write nothing to the database.
const READERS = [
  'sluice.prepareRun',
  'sluice.afterReset',
  'sluice.checkTaskAct',
  'sluice.readCalendar',
  'sluice.openTask',
  'sluice.endTask',
  'sluice.actOnTask',
];

const OF_THE_SCHEMA = ['schema_migration', 'schema_lock'];
const NOT_COMPARED = [
  'revision',
  'turn',
  'lease_until',
  'lease_holder',
  'attempts',
  'acts',
  'error',
  'output',
];

async function names({ database }: Projections): Promise<readonly string[]> {
  const [info] = await database.request('INFO FOR DB');
  if (info?.ok !== true) throw new Error(info?.reason);
  return Object.keys((info.value as { tables: object }).tables).filter(
    (name) => !OF_THE_SCHEMA.includes(name),
  );
}

async function rows(projections: Projections): Promise<unknown> {
  const all = await names(projections);
  const answers = await projections.database.request(all.map((name) => `SELECT * FROM ${name}`).join(';'));
  return all.map((name, i) => {
    const answer = answers[i];
    const found = answer?.ok === true ? (answer.value as Record<string, unknown>[]) : [];
    const shown = found.map((row) =>
      Object.entries(row)
        .filter(([column, value]) => !NOT_COMPARED.includes(column) && !(value instanceof Date))
        .map(([column, value]) => `${column}: ${JSON.stringify(value)}`)
        .sort()
        .join(', '),
    );
    return [name, shown.sort()];
  });
}

/** Temporal, asked how the last attempt ended: it shows no failure. */
const TEMPORAL = {
  withAbortSignal: (_: AbortSignal, call: () => unknown) => call(),
  options: { loadedDataConverter: { payloadConverter: defaultPayloadConverter, payloadCodecs: [] } },
  workflow: { getHandle: () => ({ describe: () => Promise.resolve({ raw: {} }) }) },
} as unknown as Client;

const DENIES: Authorizer = {
  decide: () => ({
    ...{ allowed: false, principal: 'User::"ada"', resource: 'Stage::"a"', policies: [], errors: [] },
    policyHash: 'a1',
  }),
};

const walked: Record<string, number> = {};
let runs = 4_000_000;

onEveryDatabase(
  'An activity',
  (host) => {
    const calm: Faults = () => false;
    let faults = calm;
    let projections: Projections;
    let activities: Activities;
    beforeAll(async () => {
      projections = await host.open({ faults: (point) => faults(point) });
      const deps: ActivityDeps = {
        // Lease renewals follow the clock, so they hit any point or none; the walk of the writers covers
        // them.
        projections: { ...projections, renewLease: () => Promise.resolve(true) },
        deadLetters: projections.deadLetters,
        shownLetters: new ShownEvents(projections.events, projections.reads),
        registry,
        secrets: { read: () => Promise.resolve(undefined) },
        system: { environment: 'test', region: 'here', release: 'r1' },
        identity: 'walker',
      };
      const asking = createActivities({ ...deps, authorizer: DENIES });
      activities = {
        ...createActivities(deps),
        'sluice.authorizeStage': asking['sluice.authorizeStage'],
      };
    });
    afterAll(() => {
      const all = Object.values(walked).reduce((sum, points) => sum + points, 0);
      process.stdout.write(
        `failure walk of activities (${host.kind}): ${Object.keys(walked).length} activities, ${all} fault points\n`,
      );
    });

    let attempt = 0;
    /** A new one each time: a process remembers which runs it has begun. */
    let runId = of.run.runId;
    const renamed = <T>(value: T, from: string, to: string): T =>
      JSON.parse(JSON.stringify(value).replaceAll(from, to)) as T;
    /** One attempt, as Temporal makes it. */
    const once = ({ activity, type, arguments: given }: Walk): Promise<unknown> => {
      attempt += 1;
      const environment = new MockActivityEnvironment(
        {
          activityType: type,
          attempt,
          base64TaskToken: `task-${attempt}`,
          heartbeatTimeoutMs: 20,
          isLocal: false,
          workflowExecution: { workflowId: of.workflowId, runId },
        },
        { logger: new DefaultLogger('ERROR'), client: TEMPORAL },
      );
      const call = activities[activity] as (...args: readonly unknown[]) => Promise<unknown>;
      return environment.run(() => {
        Context.current().heartbeat();
        return call(...renamed(given, of.run.runId, runId));
      });
    };
    const ended = (walk: Walk) =>
      once(walk).then(
        (value): unknown => ({ value }),
        (error: unknown): unknown => {
          if (!(error instanceof ApplicationFailure)) throw error;
          return { failed: error.type, again: error.nonRetryable !== true };
        },
      );
    const again = async ({ before }: Walk) => {
      attempt = 0;
      runId = uuid7((runs += 1));
      const all = await names(projections);
      await projections.database.request(all.map((name) => `DELETE ${name}`).join(';'));
      await before?.(projections, activities);
    };

    it('the walk covers every activity of a worker, and every action has an input', () => {
      const known = [...WALKS.map(({ activity }) => activity), ...READERS];
      expect([...new Set(known)].sort()).toEqual(Object.keys(activities).sort());
      expect(registry.actions.filter(({ id }) => INPUTS[id] === undefined)).toEqual([]);
    });

    describe.each(WALKS)('$name', (walk) => {
      it('an activity that fails at any point and is retried ends the same and leaves the same rows', async () => {
        await again(walk);
        const asked = new Set<FaultPoint>();
        const commits: Record<string, number> = {};
        faults = (point) => {
          asked.add(point);
          commits[point] = (commits[point] ?? 0) + 1;
          return false;
        };
        const undisturbed = await ended(walk);
        faults = calm;
        const expected = renamed(await rows(projections), runId, of.run.runId);
        expect(asked.size).toBeGreaterThan(3);

        let points = 0;
        for (const point of asked) {
          // In an activity that commits twice, each commit has the point.
          for (let which = 1; which <= (commits[point] ?? 0); which++) {
            points += 1;
            await again(walk);
            let passed = 0;
            faults = (at) => at === point && ++passed === which;
            const failed = await ended(walk);
            // Its last commit finds a row and goes another way, after a fault too.
            const sentAgain = walk.name === 'sluice.completeAction' && 'value' in (failed as object);
            if (!sentAgain) expect(failed, `${point} of commit ${which}`).toMatchObject({ again: true });
            faults = calm;
            // Wait for the lease of the failed attempt to end, as Temporal does.
            const end = await waitFor(async () => {
              const outcome = await ended(walk);
              return (outcome as { failed?: string }).failed === 'LEASE_HELD' ? undefined : outcome;
            });
            expect(shape(end), `after ${point} of commit ${which}`).toEqual(shape(undisturbed));
            expect(
              renamed(await rows(projections), runId, of.run.runId),
              `after ${point} of commit ${which}`,
            ).toEqual(expected);
          }
        }
        walked[walk.name] = points;
      }, 120_000);
    });
  },
  ['mem', 'server'],
);

/** The keys of an outcome that are equal whether the action or the ledger provided it. */
function shape(outcome: unknown): unknown {
  const { value, ...rest } = outcome as { value?: object | null };
  if (value === undefined || value === null) return rest;
  // A retry adds `recorded`, and lists artifacts even without any.
  const keys = Object.keys(value).filter((key) => key !== 'recorded' && key !== 'artifacts');
  return { value: keys.sort() };
}
