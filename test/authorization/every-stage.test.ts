/** Every kind of step that acts is authorized before it acts: on a real server, with real policies. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPolicies, type Policies } from '../../authorization/index.js';
import { STAGES, type StageKind } from '../../contracts/authorization.js';
import type { StartedRun } from '../../client/index.js';
import { STEP_TYPES } from '../../contracts/definition/index.js';
import { useSluice, withSluice } from '../support/sluice.js';

const directory = mkdtempSync(join(tmpdir(), 'sluice-every-stage-'));
writeFileSync(
  join(directory, 'all.cedar'),
  `permit (principal, action, resource) unless { resource.definition like "nothing-*" };
forbid (principal, action, resource) when { resource.eventName == "MONEY_MOVED" };
forbid (principal, action, resource) when { resource.child == "payer" };
forbid (principal, action, resource)
when { resource.kind == "control.callWorkflow" && context.attempt == 2 };`,
);
let policies: Policies;
beforeAll(async () => {
  policies = await loadPolicies({ directory });
});
afterAll(() => rmSync(directory, { recursive: true }));

const sluice = useSluice({ authorizer: { decide: (request) => policies.decide(request) } });

/** One step of each kind that acts. A kind without one does not compile. */
const ACTING: { readonly [K in StageKind]: object } = {
  'action.call': { action: 'core.echo', input: 1 },
  'event.publish': { eventName: 'ANYTHING', payload: { n: 1 } },
  'control.callWorkflow': { workflow: 'harmless' },
  'human.task': { title: 'May it?' },
};

/** Those of them that take a policy of retries. */
const RETRIED = { 'action.call': true, 'control.callWorkflow': true };

beforeAll(async () => {
  for (const id of ['harmless', 'payer']) await publish(id, []);
  await publish('failing', [{ id: 'no', type: 'control.fail', code: 'NO', message: 'no' }]);
});

const publish = (id: string, steps: readonly object[]) =>
  sluice().client.publishDefinition(JSON.stringify({ id, version: 1, steps }), { format: 'json' });

const nameOf = (type: string): string => type.replace('.', '-').toLowerCase();

async function run(id: string, steps: readonly object[]) {
  await publish(id, steps);
  const started = await sluice().start(id, {});
  const end = await sluice()
    .result(started)
    .catch((error: unknown) => error);
  return { ...started, end };
}

const evidence = async (runId: string) =>
  (await sluice().projections.reads.listEvidence(sluice().tenant, runId)).map(
    ({ path, attempt, decision, body }) => ({ path, attempt, decision, body }),
  );
const decisions = async (runId: string) =>
  (await evidence(runId)).map(({ path, attempt, decision }) => `${path}#${attempt} ${decision}`);

/** Children and activities of a run, beside the commits of its log. */
async function acts(started: StartedRun): Promise<readonly string[]> {
  return (await sluice().history(started)).flatMap((event) => {
    const child = event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowType?.name;
    const activity = event.activityTaskScheduledEventAttributes?.activityType?.name;
    return [child, activity].filter(
      (name): name is string => typeof name === 'string' && name !== 'sluice.flushEvents',
    );
  });
}

const published = async (runId: string) => {
  const { items } = await sluice().projections.reads.listEvents(sluice().tenant, runId, { limit: 200 });
  return items.flatMap(({ data }) => {
    const { publish: out } = data as { publish?: { eventName: string; position: number } };
    return out === undefined ? [] : [`${out.eventName} ${out.position}`];
  });
};

describe('every kind of step that acts', () => {
  it('each step type says whether it acts, and no type is unknown [every-stage-that-acts-asks]', () => {
    expect(Object.keys(STAGES).sort()).toEqual([...STEP_TYPES].sort());
    const acting = Object.entries(STAGES).filter(([, does]) => does === 'acts');
    expect(acting.map(([type]) => type).sort()).toEqual(Object.keys(ACTING).sort());
  });

  it.each(Object.entries(ACTING))(
    '%s is denied where no policy permits it, and nothing swallows the denial [every-stage-that-acts-asks]',
    async (type, fields) => {
      const swallowing = { onError: { policy: 'continue' }, retry: { maxAttempts: 3, backoffMs: 1 } };
      const started = await run(`nothing-${nameOf(type)}`, [
        {
          id: 't',
          type: 'control.tryCatch',
          try: [
            {
              id: 'acts',
              type,
              ...fields,
              ...(type in RETRIED ? swallowing : { onError: swallowing.onError }),
            },
          ],
          catch: [{ id: 'caught', type: 'state.set', state: 'CAUGHT' }],
        },
      ]);
      expect(started.end).toMatchObject({ code: 'UNAUTHORIZED', details: { resource: 'Stage::"acts"' } });
      expect(await decisions(started.runId)).toEqual(['steps[0].try[0]#1 DENY']);
      expect(await acts(started)).toEqual([type === 'action.call' ? 'core.echo' : 'sluice.authorizeStage']);
      expect(await published(started.runId)).toEqual([]);
    },
  );

  it('human.task asks people where it is permitted, with evidence of the decision [every-stage-that-acts-asks]', async () => {
    await publish('asks', [{ id: 'acts', type: 'human.task', ...ACTING['human.task'] }]);
    const started = await sluice().start('asks', {});
    await sluice().waiting(started);
    expect(await decisions(started.runId)).toEqual(['steps[0]#1 ALLOW']);
    expect(await acts(started)).toEqual(['sluice.authorizeStage', 'sluice.openTask']);
    await sluice().client.cancel(started.workflowId);
    await expect(sluice().result(started)).rejects.toThrow();
  });

  it.each(Object.entries(ACTING).filter(([type]) => type !== 'human.task'))(
    '%s acts where it is permitted, with evidence of the decision [every-stage-that-acts-asks]',
    async (type, fields) => {
      const started = await run(`something-${nameOf(type)}`, [{ id: 'acts', type, ...fields }]);
      expect(started.end).toBeNull();
      expect(await evidence(started.runId)).toMatchObject([
        {
          path: 'steps[0]',
          decision: 'ALLOW',
          body: {
            resource: 'Stage::"acts"',
            request: {
              kind: type,
              tenant: sluice().tenant,
              definitionHash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
              eventName: type === 'event.publish' ? 'ANYTHING' : null,
              child: type === 'control.callWorkflow' ? 'harmless' : null,
            },
          },
        },
      ]);
      expect(await published(started.runId)).toEqual(type === 'event.publish' ? ['ANYTHING 1'] : []);
    },
  );
});

describe('an event that is published', () => {
  it('a policy forbids an event by its name, under every name of the step', async () => {
    for (const id of ['notify', 'harmless']) {
      const started = await run(`publishes-${id}`, [
        { id, type: 'event.publish', eventName: 'MONEY_MOVED', payload: {} },
      ]);
      expect(started.end).toMatchObject({ code: 'UNAUTHORIZED', details: { policies: ['all.cedar:2'] } });
      expect(await published(started.runId)).toEqual([]);
    }
  });

  it('events of lanes that ask at once get positions without a gap, a denied one none', async () => {
    const publishing = { type: 'event.publish', eventName: 'DONE', payload: { $expr: 'item' } };
    const started = await run('many', [
      {
        id: 'each',
        type: 'control.forEach',
        items: [1, 2, 3, 4, 5],
        concurrency: 5,
        body: [{ id: 'p', ...publishing }],
      },
      {
        id: 'all',
        type: 'control.parallel',
        join: 'settled',
        branches: { a: [{ id: 'last', ...publishing, payload: 0 }] },
      },
    ]);
    expect(started.end).toBeNull();
    expect((await published(started.runId)).sort()).toEqual([1, 2, 3, 4, 5, 6].map((n) => `DONE ${n}`));
    expect(await decisions(started.runId)).toHaveLength(6);
  });
});

describe('a child', () => {
  it('a policy forbids a child by its definition, and starts none', async () => {
    const started = await run('parent', [
      { id: 'harmless', type: 'control.callWorkflow', workflow: 'payer', input: {} },
    ]);
    expect(started.end).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(await acts(started)).toEqual(['sluice.authorizeStage']);
  });

  it('each attempt of a child is asked about anew', async () => {
    const started = await run('again', [
      {
        id: 'child',
        type: 'control.callWorkflow',
        workflow: 'failing',
        input: {},
        retry: { maxAttempts: 5, backoffMs: 1 },
      },
    ]);
    expect(started.end).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(await decisions(started.runId)).toEqual(['steps[0]#1 ALLOW', 'steps[0]#2 DENY']);
    expect((await acts(started)).filter((name) => name === 'failing')).toHaveLength(1);
  });
});

describe('a worker without policies', () => {
  it('a run of a worker without policies asks nothing', async () => {
    await withSluice({}, async (other) => {
      const source = {
        ...{ id: 'free', version: 1 },
        steps: [{ id: 'p', type: 'event.publish', eventName: 'MONEY_MOVED', payload: {} }],
      };
      const started = await other.startSource(JSON.stringify(source));
      await other.result(started);
      const scheduled = (await other.history(started)).flatMap(
        ({ activityTaskScheduledEventAttributes: attributes }) => attributes?.activityType?.name ?? [],
      );
      expect(scheduled).toEqual(['sluice.flushEvents']);
    });
  });
});
