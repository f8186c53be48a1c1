/**
 * Starting a run under a workflow id: one that the caller chose, or one that Sluice made.
 *
 * Invariants
 * - A chosen id is put where no other tenant's run can be (ids-of-tenants-never-meet). The other place, where
 *   an older Sluice put it, counts too: as long as the tenant's own run is the latest there, it is the place.
 * - A run of another tenant is never returned, ended or spoken of. Whose a run is, its memo says.
 */
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy, type Client } from '@temporalio/client';
import { SluiceError } from '../../contracts/errors.js';
import { withStartClaim } from '../claims/claims.js';
import { isOwn, placesOf } from '../../contracts/naming/workflow-id.js';
import { callTemporal, type CallContext } from './errors.js';
import type { StartOptions } from './options.js';
import { unknownOutcome } from './outcome.js';
import { lookAt, type Present } from './present.js';
import { startWorkflow, type Started, type StartRequest } from './start.js';

/** What the options of a start mean to Temporal, where a workflow id is in use or was used before. */
const CONFLICT = {
  fail: WorkflowIdConflictPolicy.FAIL,
  'use-existing': WorkflowIdConflictPolicy.USE_EXISTING,
  'terminate-existing': WorkflowIdConflictPolicy.TERMINATE_EXISTING,
} as const;

const REUSE = {
  always: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
  never: WorkflowIdReusePolicy.REJECT_DUPLICATE,
  'after-failure': WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
} as const;

/** A start, its id and its policies apart. */
export interface RunStart extends Omit<StartRequest, 'workflowId'> {
  readonly type: string;
  readonly tenant: string;
  readonly workflowId: string;
  /** True: Sluice made the id, and no caller can choose it. */
  readonly made: boolean;
  readonly onConflict: NonNullable<StartOptions['onConflict']>;
  readonly reuse: NonNullable<StartOptions['reuse']>;
}

/**
 * Starts a run.
 * @throws SluiceError WORKFLOW_ALREADY_STARTED, OUTCOME_UNKNOWN, or the code of Temporal's refusal
 */
export async function startRunAt(temporal: Client, context: CallContext, start: RunStart): Promise<Started> {
  const look = (at: string): Promise<Present | undefined> =>
    callTemporal({ ...context, workflowId: at }, () => lookAt(temporal, at));
  const { tenant, workflowId, made } = start;
  if (made) return await startAt(temporal, context, start);
  const [place, other] = placesOf(tenant, workflowId);
  if (other !== undefined) {
    const there = await look(other);
    if (there?.tenant === tenant) {
      return await startAt(temporal, context, { ...start, workflowId: other });
    }
  }
  try {
    return await startAt(temporal, context, { ...start, workflowId: place });
  } catch (thrown) {
    if (other === undefined || !isOwn(tenant, other) || !isTaken(thrown)) throw thrown;
    const there = await look(place);
    if (there === undefined || there.tenant === tenant) throw thrown;
    return await startAt(temporal, context, { ...start, workflowId: other });
  }
}

function isTaken(thrown: unknown): boolean {
  return thrown instanceof SluiceError && thrown.code === 'WORKFLOW_ALREADY_STARTED';
}

async function startAt(
  temporal: Client,
  context: CallContext,
  { type, tenant, made: _made, onConflict, reuse, ...options }: RunStart,
): Promise<Started> {
  const { workflowId } = options;
  const takesExisting = onConflict === 'use-existing';
  if (onConflict !== 'fail') {
    const look = (): Promise<Present | undefined> => lookAt(temporal, workflowId);
    mustBeOwn(await callTemporal({ ...context, workflowId }, look), tenant);
  }
  const started = await startWorkflow(temporal, context, type, {
    ...options,
    memo: withStartClaim(temporal, type, options),
    workflowIdConflictPolicy: CONFLICT[onConflict],
    workflowIdReusePolicy: REUSE[reuse],
    takesExisting,
  });
  if (!takesExisting) return started;
  // An existing run may have continued as new, and Temporal then answers with a later run id than its first.
  const present = await lookAt(temporal, workflowId).catch((error: unknown) => {
    throw unknownOutcome({ what: `${workflowId} was started or was open`, details: { workflowId } }, error);
  });
  mustBeOwn(present, tenant);
  return { workflowId, runId: present?.runId ?? started.runId };
}

/** What conflicts with a run of another tenant is refused as Temporal refuses it. */
function mustBeOwn(present: Present | undefined, tenant: string): void {
  if (present === undefined || present.tenant === tenant || !present.open) return;
  throw new SluiceError('WORKFLOW_ALREADY_STARTED', `Workflow ${present.workflowId} already exists.`);
}
