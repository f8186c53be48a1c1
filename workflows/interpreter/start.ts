/**
 * The beginning of an execution: one local activity, which only reads, prepares a new run; an execution that
 * continues a run takes over its state.
 *
 * Everything that the interpreter executes is read here, and so is in the run's history.
 */
import { patched, scheduleActivity, scheduleLocalActivity, workflowInfo } from '@temporalio/workflow';
import { PreparedRun, type PrepareRunRequest } from '../../contracts/run/activity.js';
import type { Definition } from '../../contracts/definition/index.js';
import { SluiceError } from '../../contracts/errors.js';
import { isDeeperThan, isJsonObject, jsonSize, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { CLAIM_MEMO, namesSomeone, StartClaim } from '../../contracts/naming/claims.js';
import { ACTIVITY_TYPES, StartMemo } from '../../contracts/run/messages.js';
import { UNDECODABLE } from '../../contracts/undecodable.js';
import { isProven } from '../runtime/claims.js';
import { scheduleFor } from '../runtime/priority.js';
import { INFRASTRUCTURE_RETRY } from '../runtime/retry-options.js';
import { definitionOf } from './state/definitions.js';
import { foundNothing, lacksAction } from './state/failure.js';
import type { Doors } from './state/doors.js';
import type { Resets } from './run/resets.js';
import type { RunState } from './state/state.js';

/**
 * Version of the interpreter's semantics, raised when the same definition would behave differently. A run
 * keeps the version that it started with.
 */
const SEMANTICS = 1;

export interface Started {
  readonly definition: Definition;
  readonly state: RunState;
  readonly payload: Json;
  readonly resumed: boolean;
}

/**
 * Prepares the execution.
 * @param payload the workflow's first argument
 * @param carried the workflow's second argument, which only an execution that continues a run has
 * @param resets knows whether a reset made this execution
 * @param doors tells what it refuses
 * @throws SluiceError START_RETRY_UNSUPPORTED, START_OPTIONS_INVALID, DEFINITION_*, ACTION_NOT_FOUND,
 * PAYLOAD_INVALID, STATE_CORRUPT
 */
export async function startRun(
  payload: unknown,
  carried: unknown,
  resets: Resets,
  doors: Doors,
): Promise<Started> {
  const info = workflowInfo();
  if (info.retryPolicy !== undefined || (info.cronSchedule ?? '') !== '') {
    throw new SluiceError(
      'START_RETRY_UNSUPPORTED',
      'This run was started with a Temporal retry policy or a cron schedule: several runs would share one first run id',
    );
  }
  if (info.continuedFromExecutionRunId !== undefined) return takeOver(payload as Json, carried);
  if (carried !== undefined && doors.refuses()) {
    throw new SluiceError('PAYLOAD_INVALID', 'A run takes one argument, its payload; this start has more');
  }
  const start = memoOf(info.memo);
  const badMemo = doors.refusal(start, 'The memo');
  if (badMemo !== undefined) throw new SluiceError('START_OPTIONS_INVALID', badMemo);
  scheduleFor(start.tenant);
  return prepare(payload === undefined ? {} : payload, { start, resets, doors });
}

function memoOf(memo: Record<string, unknown> | undefined): StartMemo {
  const parsed = StartMemo.safeParse(memo ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new SluiceError('START_OPTIONS_INVALID', `The memo is no valid start: ${problems.join('; ')}`, {
    details: { problems },
  });
}

interface Start {
  readonly start: StartMemo;
  readonly resets: Resets;
  readonly doors: Doors;
}

async function prepare(payload: unknown, { start, resets, doors }: Start): Promise<Started> {
  const reason = isJsonObject(payload) ? payload[UNDECODABLE] : undefined;
  if (reason !== undefined) {
    throw new SluiceError('PAYLOAD_INVALID', `The payload cannot be decoded: ${JSON.stringify(reason)}`);
  }
  const lossy = doors.refusal(payload, 'The payload');
  if (lossy !== undefined) throw new SluiceError('PAYLOAD_INVALID', lossy);
  if (isDeeperThan(payload, LIMITS.depth)) {
    throw new SluiceError('PAYLOAD_INVALID', `The payload is nested more than ${LIMITS.depth} levels deep`);
  }
  const bytes = jsonSize(payload);
  if (bytes > LIMITS.stateBytes) {
    throw new SluiceError(
      'PAYLOAD_INVALID',
      `The payload has ${bytes} bytes; the limit is ${LIMITS.stateBytes}`,
      { details: { bytes, limit: LIMITS.stateBytes } },
    );
  }
  // A run that is reset to its very beginning is prepared again: for the version that it was pinned to.
  const reset = resets.pending();
  if (reset !== undefined) await reset;
  const version = resets.last?.version ?? start.version;
  const request: PrepareRunRequest = {
    tenant: start.tenant,
    definition: workflowInfo().workflowType,
    ...(version !== undefined && { version }),
    payload: payload as PrepareRunRequest['payload'],
    // A run that began under its id keeps it.
    ...(resets.last === undefined && { cause: causeOf(start) }),
    ...(namesSomeone(start) && { start, ...claimOf(workflowInfo().memo?.[CLAIM_MEMO]) }),
  };
  const { payload: complete, ...prepared } = PreparedRun.parse(await read(request));
  scheduleFor(start.tenant, prepared.priority);
  return {
    definition: definitionOf(prepared.document),
    payload: complete,
    resumed: false,
    state: {
      semantics: SEMANTICS,
      prepared,
      start,
      startedAt: workflowInfo().startTime.getTime(),
      status: 'RUNNING',
      stateName: null,
      vars: {},
      root: { frames: [{ k: 'block', path: 'steps', i: 0 }], writes: [] },
      seq: 0,
      wave: 0,
      pending: [],
      buffer: [],
      seen: [],
      waitOrder: 0,
      keys: [],
      recent: [],
      counts: { running: 0, succeeded: 0, failed: 0 },
    },
  };
}

/** The claim of the start; the activity compares it with the start, and its answer is what replay follows. */
function claimOf(claim: unknown): Pick<PrepareRunRequest, 'claim'> {
  const parsed = isProven(claim, 'start', 'schedule') ? StartClaim.safeParse(claim).data : undefined;
  return parsed === undefined ? {} : { claim: parsed };
}

function causeOf({ trigger, parent }: StartMemo): PrepareRunRequest['cause'] {
  const type = isJsonObject(trigger) ? trigger['type'] : undefined;
  return {
    ...(typeof type === 'string' && { trigger: type }),
    ...(parent !== undefined && { parent: parent.runId }),
  };
}

async function read(request: PrepareRunRequest): Promise<unknown> {
  const options = {
    startToCloseTimeout: '30s',
    retry: INFRASTRUCTURE_RETRY,
    summary: 'read the definition',
  } as const;
  try {
    return await scheduleLocalActivity(ACTIVITY_TYPES.prepareRun, [request], options);
  } catch (thrown) {
    // A local activity cannot go to another worker, which may have the action, and Temporal does not show why
    // one is repeated while the database is empty. Before, the run failed. No history from before has a
    // failure of the second kind, so both share the patch.
    if (!(lacksAction(thrown) || foundNothing(thrown)) || !patched('sluice-prepare-elsewhere')) throw thrown;
    return await scheduleActivity(ACTIVITY_TYPES.prepareRun, [request], options);
  }
}

function takeOver(payload: Json, carried: unknown): Started {
  if (!isJsonObject(carried) || carried['semantics'] !== SEMANTICS || !isJsonObject(carried['root'])) {
    throw new SluiceError(
      'STATE_CORRUPT',
      'The run continued as new without the state of an interpreter of this version',
    );
  }
  // This interpreter wrote the state one execution ago, so TypeScript has checked its inner shape.
  const state = carried as unknown as RunState;
  scheduleFor(state.start.tenant, state.prepared.priority);
  return { definition: definitionOf(state.prepared.document), state, payload, resumed: true };
}
