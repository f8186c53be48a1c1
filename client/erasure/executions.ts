/**
 * Deletes the closed executions of a run in Temporal: the first, those that it continued as, and those
 * of resets.
 *
 * Invariants
 * - Only executions of this run: another run may have the same workflow id by now, or get it meanwhile.
 *   Each is deleted by its own id, after Temporal has said that its chain began with this run and that
 *   it is closed. Temporal would end an open one to delete it.
 * - Temporal deletes later than it says. The run counts as gone when Temporal knows none of its
 *   executions, neither by id, nor in its list, nor as the latest of the workflow id.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { SluiceError } from '../../contracts/errors.js';
import type { RunRef } from '../../contracts/run/run.js';
import { isGrpcNotFound } from '../../contracts/temporal-history.js';

/** How long Temporal may take to delete an execution, ms. A server takes 30 s and more by default. */
const GONE_WITHIN_MS = 120_000;
const POLL_MS = 200;

/** An execution of a run, as Temporal has it. */
interface Execution {
  readonly id: string;
  readonly open: boolean;
}

/**
 * The executions that Temporal has of a run.
 * @param known ids from the database, which Temporal's list may not show yet
 */
export async function executionsOf(
  client: Client,
  { runId, workflowId }: RunRef,
  known: readonly string[],
): Promise<readonly Execution[]> {
  const ids = new Set<string | undefined>([undefined, runId, ...known]);
  for await (const { runId: id } of client.workflow.list({ query: `WorkflowId = ${quoted(workflowId)}` })) {
    ids.add(id);
  }
  const found = new Map<string, Execution>();
  for (const id of ids) {
    const execution = await describe(client, workflowId, id);
    if (execution?.first === runId) found.set(execution.id, execution);
  }
  return [...found.values()];
}

/** Refuses a run that Temporal runs. @throws SluiceError RUN_OPEN */
export function refuseOpen({ runId, workflowId }: RunRef, executions: readonly Execution[]): void {
  const open = executions.find((execution) => execution.open);
  if (open === undefined) return;
  throw new SluiceError('RUN_OPEN', `Run ${runId} is open in Temporal (${workflowId}, ${open.id}).`, {
    details: { runId, workflowId, executionId: open.id },
  });
}

/** Asks Temporal to delete closed executions; it does so later. */
export async function askToDelete(
  client: Client,
  { workflowId }: RunRef,
  executions: readonly Execution[],
): Promise<void> {
  for (const { id } of executions) await remove(client, workflowId, id);
}

/**
 * Waits until Temporal has no execution of a run, and asks again for those that came meanwhile.
 * @throws SluiceError RUN_OPEN where the run was reset meanwhile; ERASURE_UNFINISHED
 */
export async function awaitDeleted(client: Client, run: RunRef, known: readonly string[]): Promise<void> {
  const asked = new Set(known);
  for (const end = Date.now() + GONE_WITHIN_MS; ;) {
    const left = await executionsOf(client, run, [...asked]);
    refuseOpen(run, left);
    if (left.length === 0) return;
    await askToDelete(
      client,
      run,
      left.filter(({ id }) => !asked.has(id)),
    );
    for (const { id } of left) asked.add(id);
    if (Date.now() > end) {
      throw new SluiceError(
        'ERASURE_UNFINISHED',
        `Temporal still has ${left.length} executions of run ${run.runId} after ${GONE_WITHIN_MS} ms.`,
      );
    }
    await sleep(POLL_MS);
  }
}

async function remove(client: Client, workflowId: string, runId: string): Promise<void> {
  try {
    await client.workflowService.deleteWorkflowExecution({
      namespace: client.options.namespace,
      workflowExecution: { workflowId, runId },
    });
  } catch (error) {
    // Two erasures at once: the other one was first.
    if (!isGrpcNotFound(error)) throw error;
  }
}

async function describe(
  { workflow }: Client,
  workflowId: string,
  id: string | undefined,
): Promise<(Execution & { readonly first: string }) | undefined> {
  try {
    const { runId, closeTime, raw } = await workflow.getHandle(workflowId, id).describe();
    return {
      id: runId,
      open: closeTime === undefined,
      first: raw.workflowExecutionInfo?.firstRunId || runId,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
