/**
 * Finds the steps whose effects remain when a run is ended from outside: terminated, timed out by Temporal,
 * or gone. Its compensation stack died with it; the log and the ledger know its content.
 *
 * Invariants
 * - From the log: each step that ended with an `undo`, unless its compensation succeeded or is a dead letter
 *   already.
 * - From the ledger: each step with `compensate` whose action acted (or began to, with an unknown outcome)
 *   after the last committed event. The compensation's input is evaluated only where it takes plain values
 *   from the step's input and output and the payload; other names are gone, and a guess could undo the wrong
 *   thing.
 * - A ledger row that cannot be read is a letter too: what its action did is unknown.
 * - Letters are written in the transaction that closes the run's row: both commit, or neither does.
 * - The id of a letter is derived from the run and the compensation, so that it can be withdrawn when a reset
 *   makes the run responsible again.
 * - Steps are written in the order in which they ran; an operator compensates from the last one.
 */
import { CompensationRequest, compensatedStep, type Compensation } from '../../contracts/run/compensation.js';
import {
  DEFAULTS,
  findSecrets,
  walkSteps,
  type ActionCallStep,
  type Definition,
} from '../../contracts/definition/index.js';
import type { NewDeadLetter } from '../../contracts/events/dead-letter.js';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import type { RunHeader } from '../../contracts/run/activity.js';
import { jsonSize, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { placeKey } from '../../contracts/run/place.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { summarize } from '../../contracts/summary.js';
import { readStoredInBounds } from '../../definitions/index.js';
import { evaluate, evaluateMapping } from '../../expressions/index.js';
import { compensationLetterId, type Projections, type UnreadableRow } from '../../projections/index.js';

/** Events of one page of the log. */
const PAGE = 500;

type Invocation = Awaited<ReturnType<Projections['reads']['listInvocations']>>[number];

export interface EndedRun {
  readonly run: RunHeader;
  readonly workflowId: string;
  /** Why the run ended, for the letters. */
  readonly reason: string;
  /** When the run closed, epoch ms. */
  readonly closedAt: number;
}

/**
 * Makes a dead letter for each step whose effects remain.
 * @param latest the version of an action that a definition names without a version
 * @throws SluiceError DATABASE_*; DEFINITION_VERSION_NOT_FOUND
 */
export async function uncompensatedLetters(
  projections: Projections,
  ended: EndedRun,
  latest: (action: string) => number | undefined,
): Promise<readonly NewDeadLetter[]> {
  const { tenant, runId, definition: id, version } = ended.run;
  const { items: ledger, unreadable } = await projections.reads.readLedger(tenant, runId);
  const events = await liveLog(projections, tenant, runId);
  const stored = await projections.findDefinition(tenant, id, version);
  if (stored === undefined) throw new SluiceError('DEFINITION_VERSION_NOT_FOUND', `${id} version ${version}`);
  const { definition } = await readStoredInBounds(stored.source, stored.format, tenant);
  const payload = events.find((event) => event.type === 'RUN_STARTED')?.data.payload ?? null;
  const found = [
    ...fromLog(events, ledger),
    ...fromLedger({ definition, payload, latest }, events, ledger),
  ].filter(
    ({ compensation: { key } }) =>
      !ledger.some(({ idempotencyKey, status }) => idempotencyKey === key && status === 'SUCCEEDED'),
  );
  return [
    ...found.map((step, i) => letterOf(ended, step, i)),
    ...unreadable.map((row, i) => unknownLetterOf(ended, row, found.length + i)),
  ];
}

/** A step whose effects remain, and the ledger row of its action. */
interface Uncompensated {
  readonly step: { readonly path: string; readonly id: string; readonly iteration: readonly number[] };
  readonly compensation: Compensation;
  readonly invocation: Invocation | undefined;
  readonly attempts: number;
}

async function liveLog(
  projections: Projections,
  tenant: string,
  runId: string,
): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = [];
  for (let after: string | undefined; ;) {
    const page = await projections.reads.listEvents(tenant, runId, { limit: PAGE, after });
    events.push(...page.items);
    if (page.next === null) return events;
    after = page.next;
  }
}

/** The part of a run from which a compensation of the ledger is made. */
interface CompensationContext {
  readonly definition: Definition;
  readonly payload: Json;
  readonly latest: (action: string) => number | undefined;
}

function fromLog(events: readonly RunEvent[], ledger: readonly Invocation[]): Uncompensated[] {
  const remaining = new Map<string, Uncompensated>();
  for (const event of events) {
    const { stepPath, iteration = [] } = event;
    if (stepPath === undefined) continue;
    const step = compensatedStep(stepPath);
    const isEnd =
      event.type === 'STEP_SUCCEEDED' || event.type === 'STEP_FAILED' || event.type === 'STEP_CANCELED';
    if (step !== undefined) {
      const place = placeKey(step, iteration);
      const entry = remaining.get(place);
      if (event.type === 'STEP_SUCCEEDED' || event.type === 'COMPENSATION_FAILED') {
        remaining.delete(place);
      } else if (event.type === 'STEP_STARTED' && entry !== undefined) {
        remaining.set(place, { ...entry, attempts: event.attempt ?? 1 });
      }
    } else if (isEnd && event.data.undo !== undefined) {
      remaining.set(placeKey(stepPath, iteration), {
        step: { path: stepPath, id: event.data.id, iteration },
        compensation: event.data.undo,
        invocation: ledger.find((row) => row.path === stepPath && samePlace(row.iteration, iteration)),
        attempts: 0,
      });
    }
  }
  return [...remaining.values()];
}

const samePlace = (a: readonly number[], b: readonly number[]): boolean => a.join(',') === b.join(',');

function fromLedger(
  context: CompensationContext,
  events: readonly RunEvent[],
  ledger: readonly Invocation[],
): Uncompensated[] {
  const steps = new Map(
    [...walkSteps(context.definition)].flatMap(({ path, step }) =>
      step.type === 'action.call' && step.compensate !== undefined ? [[path, step] as const] : [],
    ),
  );
  const ended = new Set(
    events.flatMap((event) =>
      event.type === 'STEP_SUCCEEDED' || event.type === 'STEP_FAILED' || event.type === 'STEP_CANCELED'
        ? [placeKey(event.stepPath ?? '', event.iteration ?? [])]
        : [],
    ),
  );
  return ledger.flatMap((row) => {
    const step = steps.get(row.path);
    if (step === undefined || row.status === 'FAILED' || ended.has(placeKey(row.path, row.iteration))) {
      return [];
    }
    const compensation = compensationOf(step, row, context);
    return [
      {
        step: { path: row.path, id: row.stepId, iteration: row.iteration },
        compensation,
        invocation: row,
        attempts: 0,
      },
    ];
  });
}

function compensationOf(
  step: ActionCallStep,
  row: Invocation,
  { definition, payload, latest }: CompensationContext,
): Compensation {
  const { action, version, input: mapping = null } = step.compensate ?? { action: '' };
  const resolvedVersion = version ?? latest(action);
  const secrets = findSecrets(mapping);
  let input: Json = null;
  let problem: string | undefined;
  // Dead letters hold these messages: they stay as they are.
  try {
    if (row.status === 'STARTED') throw new Error('Its action had begun, and nobody knows what it did');
    if (resolvedVersion === undefined) throw new Error(`No version of ${action} is known here`);
    input = evaluatePlain(mapping, { input: row.input, output: row.output, payload });
  } catch (thrown) {
    problem = `COMPENSATION_INVALID: ${messageOf(thrown)}`;
  }
  return {
    action,
    version: resolvedVersion ?? 1,
    input,
    ...(problem !== undefined && { problem }),
    key: `${row.idempotencyKey}/compensate`,
    ...(secrets.length > 0 && { secrets: secrets.map(({ path, name }) => ({ path: [...path], name })) }),
    timeoutMs: definition.defaults?.timeoutMs ?? DEFAULTS.actionTimeoutMs,
    ...(step.tags !== undefined && { tags: step.tags }),
  };
}

/** A path into the values that are known; any other expression could need values that are gone. */
const PLAIN = /^\s*(input|output|payload)(\.[A-Za-z_]\w*|\[\d+\])*\s*$/;

/** Evaluates a compensation's input from what is still known. */
function evaluatePlain(
  mapping: Json,
  scope: { readonly input: Json; readonly output: Json; readonly payload: Json },
): Json {
  return evaluateMapping(mapping, (source) => {
    if (!PLAIN.test(source)) throw new Error(`${source} sees what ended with the run`);
    return evaluate(source, { root: scope, bindings: scope, nowMs: 0 }, { at: 'compensate', required: true });
  });
}

function unknownLetterOf(
  { run, reason, closedAt }: EndedRun,
  { id, reason: why }: UnreadableRow,
  order: number,
): NewDeadLetter {
  return {
    tenant: run.tenant,
    id: compensationLetterId(run.runId, id),
    kind: 'compensation',
    runId: run.runId,
    subject: `What the action of ${id} did`,
    reason: `${reason}; its row cannot be read: ${why}`,
    errorCode: 'COMPENSATION_INVALID',
    at: closedAt + order,
    reopens: 'withdrawn',
  };
}

function letterOf(
  ended: EndedRun,
  { step, compensation, invocation, attempts }: Uncompensated,
  order: number,
): NewDeadLetter {
  const { run, workflowId, reason, closedAt } = ended;
  const context: Json = { input: invocation?.input ?? null, output: invocation?.output ?? null };
  const request = CompensationRequest.parse({
    ...compensation,
    step,
    attempts,
    payload: {
      type: 'compensation',
      stage_name: step.id,
      workflow_id: workflowId,
      original_context: jsonSize(context) <= LIMITS.inlineBytes ? context : summarize(context),
      artifacts_to_undo: invocation?.artifacts ?? [],
    },
  });
  const iteration = step.iteration.length === 0 ? '' : `[${step.iteration.join(',')}]`;
  return {
    tenant: run.tenant,
    id: compensationLetterId(run.runId, compensation.key),
    kind: 'compensation',
    runId: run.runId,
    subject: `${compensation.action} of ${step.id}${iteration}`,
    reason: compensation.problem === undefined ? reason : `${reason}; ${compensation.problem}`,
    ...(compensation.problem !== undefined && { errorCode: 'COMPENSATION_INVALID' }),
    ...(compensation.problem === undefined
      ? { retryWith: { ...request, run } }
      : { body: JSON.stringify(request.payload) }),
    // Lists show the newest letter first: the last step is compensated first.
    at: closedAt + order,
    reopens: 'withdrawn',
  };
}
