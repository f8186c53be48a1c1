/** Two tenants on one worker: what one of them floods, the other still gets its share of. */
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction } from '../../actions/index.js';
import { gate } from '../activities/gate.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const SLOTS = 6;
const SHARE = 4;
const FLOOD = 12;

let holding = 0;
let held = 0;
let most = 0;
const gates = gate();
const hold = defineAction({
  id: 'test.hold',
  version: 1,
  description: 'Lasts until the test lets it end.',
  input: z.object({}),
  output: z.null(),
  run: async () => {
    held++;
    most = Math.max(most, ++holding);
    await gates.open;
    holding--;
    return null;
  },
});

const sluice = useSluice({ actions: [hold], tuning: { activities: SLOTS, tenantActivities: SHARE } });
const other = `other-${randomUUID()}`;

const FLOODING =
  '{id: flooding, version: 1, steps: [{id: hold, type: action.call, action: test.hold, input: {}, timeoutMs: 60000}]}';
const SHORT = `
id: short
version: 1
priority: 1
steps:
  - { id: one, type: action.call, action: core.echo, input: { n: 1 } }
  - { id: more, type: control.callWorkflow, workflow: leaf }
  - { id: two, type: action.call, action: core.echo, input: { n: 2 } }
`;
const LEAF = `
id: leaf
version: 1
priority: 4
steps:
  - { id: three, type: action.call, action: core.echo, input: { n: 3 } }
`;

beforeAll(async () => {
  await sluice().publish(FLOODING);
  for (const source of [LEAF, SHORT]) {
    await sluice().client.publishDefinition(source, { tenant: other });
    await sluice().publish(source);
  }
});

describe('two tenants on one worker', () => {
  it('a run of one ends while all that another may have is taken, and the rest of that waits [fair-between-tenants]', async () => {
    const runs = await Promise.all(Array.from({ length: FLOOD }, () => sluice().start('flooding')));
    const failures = async () => {
      const described = await Promise.all(
        runs.map(({ workflowId }) => sluice().client.temporal.workflow.getHandle(workflowId).describe()),
      );
      return described.map(
        ({ raw }) => raw.pendingActivities?.[0]?.lastFailure?.applicationFailureInfo?.type ?? 'none',
      );
    };
    await waitFor(
      async () => (await failures()).filter((type) => type === 'TENANT_BUSY').length === FLOOD - SHARE,
    );

    const short = await sluice().start('short', {}, { tenant: other });
    await sluice().result(short);
    expect({ holding, held }).toEqual({ holding: SHARE, held: SHARE });

    gates.release();
    await Promise.all(runs.map((run) => sluice().result(run)));
    // Handed back is not tried: one attempt, one entry of the ledger, one call for each.
    expect({ most, held }).toEqual({ most: SHARE, held: FLOOD });
    for (const { runId } of runs) {
      expect(await sluice().projections.reads.listInvocations(sluice().tenant, runId)).toMatchObject([
        { status: 'SUCCEEDED', attempt: 1 },
      ]);
    }
  });

  it('every workflow, activity and child is of the share of its tenant, whoever started it [fair-between-tenants]', async () => {
    const { tenant } = sluice();
    const byClient = await sluice().start('short');
    const byOthers = await sluice().startUnchecked('short', {});
    for (const run of [byClient, byOthers]) {
      await sluice().result(run);
      const events = await sluice().history(run);
      const scheduled = events.flatMap(
        ({ activityTaskScheduledEventAttributes: one }) => one?.priority ?? [],
      );
      expect(scheduled.length).toBeGreaterThan(2);
      // The definition wants 1; the operator lets it choose from 3 to 5.
      for (const priority of scheduled) {
        expect(priority).toMatchObject({ fairnessKey: tenant, priorityKey: 3 });
      }
      const [child] = events.flatMap(
        ({ startChildWorkflowExecutionInitiatedEventAttributes: one }) => one?.workflowId ?? [],
      );
      const ofChild = await sluice().history({ workflowId: child ?? '', runId: '' });
      expect(ofChild[0]?.workflowExecutionStartedEventAttributes?.priority?.fairnessKey).toBe(tenant);
      const [inChild] = ofChild.flatMap(
        ({ activityTaskScheduledEventAttributes: one }) => one?.priority ?? [],
      );
      expect(inChild).toMatchObject({ fairnessKey: tenant, priorityKey: 4 });
    }
    const [started] = await sluice().history(byClient);
    expect(started?.workflowExecutionStartedEventAttributes?.priority?.fairnessKey).toBe(tenant);
  });

  it('what a client has Sluice do is of the share of its tenant [fair-between-tenants]', async () => {
    const { workflow } = sluice().client.temporal;
    const query = `TaskQueue = '${sluice().taskQueue}' AND WorkflowType = 'sluice.publish'`;
    const keys = new Set<string | undefined>();
    await waitFor(async () => {
      for await (const { raw } of workflow.list({ query })) {
        const { workflowId, runId } = raw.execution ?? {};
        const { raw: described } = await workflow.getHandle(workflowId ?? '', runId ?? '').describe();
        keys.add(described.workflowExecutionInfo?.priority?.fairnessKey ?? undefined);
      }
      return keys.size > 1;
    });
    expect([...keys].sort()).toEqual([other, sluice().tenant].sort());
  });
});
