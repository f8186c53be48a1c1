/** The run that has a workflow id now, and its tenant, as Temporal reports them. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { z } from 'zod';
import { toSluiceError } from '../../contracts/errors.js';
import { placesOf } from '../../contracts/naming/workflow-id.js';
import { TenantId } from '../../contracts/run/messages.js';
import { LOOK_LIMIT_MS } from './outcome.js';
import type { Started } from './start.js';

const Text = z.string().optional().catch(undefined);
const Memo = z.object({
  tenant: TenantId.default('default').catch('default'),
  trigger: z.object({ type: Text, operationId: Text, source: Text, id: Text }).catch({}).default({}),
});

/** The latest run of a workflow id. */
export interface Present extends Started {
  readonly open: boolean;
  readonly tenant: string;
  /** What caused it, as far as it says so. */
  readonly trigger: z.output<typeof Memo>['trigger'];
}

/** The latest run of a workflow id; undefined if no run has it. @throws what Temporal's client throws */
export async function lookAt(temporal: Client, workflowId: string): Promise<Present | undefined> {
  try {
    const found = await temporal.withDeadline(Date.now() + LOOK_LIMIT_MS, () =>
      temporal.workflow.getHandle(workflowId).describe(),
    );
    return {
      workflowId,
      runId: found.raw.workflowExecutionInfo?.firstRunId || found.runId,
      open: found.closeTime === undefined,
      ...Memo.parse(found.memo ?? {}),
    };
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) return undefined;
    throw thrown;
  }
}

/** The latest run of a workflow id; undefined if no run has it. @throws SluiceError TEMPORAL_UNAVAILABLE */
export async function presentAt(temporal: Client, workflowId: string): Promise<Present | undefined> {
  try {
    return await lookAt(temporal, workflowId);
  } catch (thrown) {
    throw toSluiceError(thrown, 'TEMPORAL_UNAVAILABLE');
  }
}

/**
 * The latest run that a tenant has under an id of its choice.
 * @throws SluiceError TEMPORAL_UNAVAILABLE
 */
export async function ownRunAt(
  temporal: Client,
  tenant: string,
  chosen: string,
): Promise<Present | undefined> {
  let closed: Present | undefined;
  for (const place of placesOf(tenant, chosen)) {
    const present = place === undefined ? undefined : await presentAt(temporal, place);
    if (present?.tenant !== tenant) continue;
    if (present.open) return present;
    closed ??= present;
  }
  return closed;
}

/**
 * The exact workflow id of what a caller names by the id that it chose, or by the exact one.
 * @param tenant the client's
 * @throws what Temporal's client throws
 */
export async function addressOf(temporal: Client, tenant: string, named: string): Promise<string> {
  const [place] = placesOf(tenant, named);
  if (place === named || (await lookAt(temporal, place)) === undefined) return named;
  return place;
}
