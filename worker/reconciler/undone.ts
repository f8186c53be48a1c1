/**
 * What a run leaves undone that was ended from outside: terminated, timed out by Temporal, or gone. Its saga stack
 * died with it; the log and the ledger know what was on it.
 *
 * Invariants
 * - From the log: each step that ended with an `undo`, unless its compensation succeeded or is a dead letter already.
 * - From the ledger: each step with `compensate` whose action acted (or began to, and nobody knows) after the
 *   last event that was committed. Its compensation's input is worked out only where it takes plain values from the
 *   step's input and output and the payload; other scopes are gone, and a guess could undo the wrong thing.
 * - Letters are written in the transaction that closes the run's row: both stand, or neither does.
 * - A letter is named by its run and its undoing, so that what a reset makes the run answer for again can be withdrawn.
 * - Steps are written in the order in which they were done; an operator undoes them from the last.
 */
import { CompensationRequest, undoneBy, type Undo } from '../../contracts/run/compensation.js';
import {
  DEFAULTS,
  findSecrets,
  walkSteps,
  type ActionCallStep,
  type Definition,
} from '../../contracts/definition/index.js';
import type { NewDeadLetter } from '../../contracts/events/dead-letter.js';
import { SluiceError } from '../../contracts/errors.js';
import type { RunHeader } from '../../contracts/run/activity.js';
import { isJsonObject, jsonSize, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { summarize } from '../../contracts/summary.js';
import { readDefinition } from '../../definitions/index.js';
import { evaluate } from '../../expressions/index.js';
import { undoLetterId, type Projections } from '../../projections/index.js';

type Invocation = Awaited<ReturnType<Projections['reads']['listInvocations']>>[number];

export interface EndedRun {
  readonly run: RunHeader;
  readonly workflowId: string;
  /** Why it ended, for the letters. */
  readonly reason: string;
  /** Epoch ms. */
  readonly closedAt: number;
}

/**
 * A dead letter for each step that stands undone.
 * @param latest version of an action where a definition names none
 * @throws SluiceError DATABASE_*; DEFINITION_VERSION_NOT_FOUND
 */
export async function undoneLetters(
  projections: Projections,
  ended: EndedRun,
  latest: (action: string) => number | undefined,
): Promise<readonly NewDeadLetter[]> {
  const { tenant, runId, definition: id, version } = ended.run;
  const ledger = await projections.reads.listInvocations(tenant, runId);
  const events = await liveLog(projections, tenant, runId);
  const stored = await projections.findDefinition(tenant, id, version);
  if (stored === undefined) throw new SluiceError('DEFINITION_VERSION_NOT_FOUND', `${id} version ${version}`);
  const { definition } = readDefinition(stored.source, stored.format);
  const payload = events.find((event) => event.type === 'RUN_STARTED')?.data.payload ?? null;
  const found = [
    ...fromLog(events, ledger),
    ...fromLedger(definition, payload, events, ledger, latest),
  ].filter(
    ({ undo }) =>
      !ledger.some(({ idempotencyKey, status }) => idempotencyKey === undo.key && status === 'SUCCEEDED'),
  );
  return found.map((one, i) => letterOf(ended, one, i));
}

/** A step that stands undone, and the ledger row of its action. */
interface Undone {
  readonly step: { readonly path: string; readonly id: string; readonly iteration: readonly number[] };
  readonly undo: Undo;
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
    const page = await projections.reads.listEvents(tenant, runId, { limit: 500, after });
    events.push(...page.items);
    if (page.next === null) return events;
    after = page.next;
  }
}

const placeOf = (path: string, iteration: readonly number[] = []): string =>
  `${path}[${iteration.join(',')}]`;

function fromLog(events: readonly RunEvent[], ledger: readonly Invocation[]): Undone[] {
  const undone = new Map<string, Undone>();
  for (const event of events) {
    const { stepPath, iteration = [] } = event;
    if (stepPath === undefined) continue;
    const step = undoneBy(stepPath);
    const isEnd =
      event.type === 'STEP_SUCCEEDED' || event.type === 'STEP_FAILED' || event.type === 'STEP_CANCELED';
    if (step !== undefined) {
      const place = placeOf(step, iteration);
      const entry = undone.get(place);
      if (event.type === 'STEP_SUCCEEDED' || event.type === 'COMPENSATION_FAILED') {
        undone.delete(place);
      } else if (event.type === 'STEP_STARTED' && entry !== undefined) {
        undone.set(place, { ...entry, attempts: event.attempt ?? 1 });
      }
    } else if (isEnd && event.data.undo !== undefined) {
      undone.set(placeOf(stepPath, iteration), {
        step: { path: stepPath, id: event.data.id, iteration },
        undo: event.data.undo,
        invocation: ledger.find((row) => row.path === stepPath && samePlace(row.iteration, iteration)),
        attempts: 0,
      });
    }
  }
  return [...undone.values()];
}

const samePlace = (a: readonly number[], b: readonly number[]): boolean => a.join(',') === b.join(',');

function fromLedger(
  definition: Definition,
  payload: Json,
  events: readonly RunEvent[],
  ledger: readonly Invocation[],
  latest: (action: string) => number | undefined,
): Undone[] {
  const steps = new Map(
    [...walkSteps(definition)].flatMap(({ path, step }) =>
      step.type === 'action.call' && step.compensate !== undefined ? [[path, step] as const] : [],
    ),
  );
  const ended = new Set(
    events.flatMap((event) =>
      event.type === 'STEP_SUCCEEDED' || event.type === 'STEP_FAILED' || event.type === 'STEP_CANCELED'
        ? [placeOf(event.stepPath ?? '', event.iteration)]
        : [],
    ),
  );
  return ledger.flatMap((row) => {
    const step = steps.get(row.path);
    if (step === undefined || row.status === 'FAILED' || ended.has(placeOf(row.path, row.iteration))) {
      return [];
    }
    const undo = undoOf(step, definition, payload, row, latest);
    return [
      {
        step: { path: row.path, id: row.stepId, iteration: row.iteration },
        undo,
        invocation: row,
        attempts: 0,
      },
    ];
  });
}

function undoOf(
  step: ActionCallStep,
  definition: Definition,
  payload: Json,
  row: Invocation,
  latest: (action: string) => number | undefined,
): Undo {
  const { action, version, input: mapping = null } = step.compensate ?? { action: '' };
  const known = version ?? latest(action);
  const secrets = findSecrets(mapping);
  let input: Json = null;
  let problem: string | undefined;
  try {
    if (row.status === 'STARTED') throw new Error('Its action had begun, and nobody knows what it did');
    if (known === undefined) throw new Error(`No version of ${action} is known here`);
    input = plainly(mapping, { input: row.input, output: row.output, payload });
  } catch (thrown) {
    problem = `COMPENSATION_INVALID: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
  return {
    action,
    version: known ?? 1,
    input,
    ...(problem !== undefined && { problem }),
    key: `${row.idempotencyKey}/compensate`,
    ...(secrets.length > 0 && { secrets: secrets.map(({ path, name }) => ({ path: [...path], name })) }),
    timeoutMs: definition.defaults?.timeoutMs ?? DEFAULTS.actionTimeoutMs,
    ...(step.tags !== undefined && { tags: step.tags }),
  };
}

/** A path into what is known, and nothing else: any other expression could see what is gone. */
const PLAIN = /^\s*(input|output|payload)(\.[A-Za-z_]\w*|\[\d+\])*\s*$/;

function plainly(
  mapping: Json,
  scope: { readonly input: Json; readonly output: Json; readonly payload: Json },
): Json {
  if (Array.isArray(mapping)) return (mapping as readonly Json[]).map((item) => plainly(item, scope));
  if (!isJsonObject(mapping)) return mapping;
  const source = mapping['$expr'];
  if (typeof source === 'string') {
    if (!PLAIN.test(source)) throw new Error(`${source} sees what ended with the run`);
    return evaluate(source, { root: scope, bindings: scope, nowMs: 0 }, { at: 'compensate', required: true });
  }
  if (Object.hasOwn(mapping, '$literal')) return mapping['$literal'] ?? null;
  if (Object.hasOwn(mapping, '$secret')) return mapping;
  return Object.fromEntries(Object.entries(mapping).map(([key, value]) => [key, plainly(value, scope)]));
}

function letterOf(
  ended: EndedRun,
  { step, undo, invocation, attempts }: Undone,
  order: number,
): NewDeadLetter {
  const { run, workflowId, reason, closedAt } = ended;
  const context: Json = { input: invocation?.input ?? null, output: invocation?.output ?? null };
  const request = CompensationRequest.parse({
    ...undo,
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
    id: undoLetterId(run.runId, undo.key),
    kind: 'compensation',
    runId: run.runId,
    subject: `${undo.action} of ${step.id}${iteration}`,
    reason: undo.problem === undefined ? reason : `${reason}; ${undo.problem}`,
    ...(undo.problem !== undefined && { errorCode: 'COMPENSATION_INVALID' }),
    ...(undo.problem === undefined
      ? { retryWith: { ...request, run } }
      : { body: JSON.stringify(request.payload) }),
    // The list is newest first: what was done last stands first, and is undone first.
    at: closedAt + order,
    reopens: true,
  };
}
