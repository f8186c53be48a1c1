/**
 * The baseline's action with the two commits of a Sluice action around it, and nothing else of Sluice. The
 * difference to Sluice is the interpreter and the activity; the difference to the baseline is the store.
 */
import { Context } from '@temporalio/activity';
import type { Execution, Invocation } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import type { Projections } from '../../projections/index.js';
import type { Act } from './activities.js';

const LEASE_MS = 60_000;

/** @returns the activity `bench-recorded` */
export function recorded(projections: Projections): Act {
  return async (input) => {
    const { workflowId = '', runId = '' } = Context.current().info.workflowExecution ?? {};
    const run = { runId, tenant: 'default', definition: 'by-hand', version: 1 };
    const execution: Execution = { run, workflowId, executionId: runId };
    const { n, ms } = input;
    const holder = `${workflowId}/${n}`;
    const invocation: Invocation = {
      idempotencyKey: `${runId}/${n}`,
      action: 'bench.recorded',
      actionVersion: 1,
      step: { path: `steps[${n}]`, id: `a${n}`, iteration: [], attempt: 1 },
      input: { n, ms },
      local: false,
    };
    const events = eventsOf(workflowId, invocation, n);
    await projections.beginAction(execution, events, invocation, { holder, forMs: LEASE_MS });
    await projections.finishAction(execution, invocation, {
      outcome: { status: 'SUCCEEDED', output: { n, ms }, artifacts: [] },
      writes: [],
      holder,
    });
    return input;
  };
}

/**
 * The run events that an interpreter has pending when its nth action begins: the end of the previous action
 * and the start of this one.
 */
function eventsOf(workflowId: string, { action, idempotencyKey, input }: Invocation, n: number): RunEvent[] {
  const at = Date.now();
  const event = (seq: number, type: RunEvent['type'], step: number | undefined, data: object): RunEvent =>
    ({
      ...{ seq, at, wave: 1, type, data },
      ...(step !== undefined && { stepPath: `steps[${step}]` }),
    }) as RunEvent;
  const about = (step: number) => ({ id: `a${step}`, kind: 'action.call' });
  const start = { ...about(n), action, actionVersion: 1, key: idempotencyKey, input };
  return [
    n === 0
      ? event(1, 'RUN_STARTED', undefined, {
          definition: { id: 'by-hand', version: 1, hash: 'none' },
          semantics: 1,
          workflowId,
          actor: 'bench',
          system: { environment: 'bench', region: 'here', release: 'bench' },
          ...{ payload: {}, parent: null, root: null, trigger: null, correlationKeys: [] },
        })
      : event(2 * n + 1, 'STEP_SUCCEEDED', n - 1, { ...about(n - 1), startedAt: at, output: { n: n - 1 } }),
    event(2 * n + 2, 'STEP_STARTED', n, start),
  ];
}
