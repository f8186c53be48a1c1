/**
 * Asks a worker whether it reads and takes what a client sends: how `sluice doctor` finds out whether both
 * have the same rings.
 *
 * Invariant: it changes nothing. It is a list of dead letters that no run has, and Temporal ends it where
 * no worker can read it.
 */
import { WorkflowFailedError, type Client } from '@temporalio/client';
import { ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { v7 as uuid } from 'uuid';
import type { Json } from '../../contracts/json.js';
import { historyOf } from '../../contracts/temporal-history.js';
import { systemClaim } from './claims.js';

const TYPE = 'sluice.deadLetters';
/** The message of a failure that this client cannot decrypt. */
const ENCODED = 'Encoded failure';
const REQUEST: Json = { act: 'list', tenant: 'default', filter: { runId: 'asked-by-doctor' }, limit: 1 };

/**
 * `taken`: it read the request and answered. `refused`: it wants a claim that this client did not give.
 * `unreadable`: one of the two cannot read what the other one encrypts. `late`: no worker took it in time.
 */
export type WorkerAnswer = 'taken' | 'refused' | 'unreadable' | 'late';

/**
 * Asks the worker that takes the request first.
 * @param temporal a client with the rings to try
 * @param limitMs how long a worker has
 */
export async function askWorker(temporal: Client, taskQueue: string, limitMs: number): Promise<WorkerAnswer> {
  const workflowId = `${TYPE}/${uuid()}`;
  const handle = await temporal.workflow.start(TYPE, {
    ...{ args: [REQUEST], workflowId, taskQueue, workflowExecutionTimeout: limitMs },
    ...systemClaim(temporal, TYPE, REQUEST),
  });
  try {
    await handle.result();
    return 'taken';
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) {
      // It has ended, and its end is what this client cannot read.
      if ((await handle.describe()).status.name !== 'RUNNING') return 'unreadable';
      throw error;
    }
    const { cause } = error;
    if (cause instanceof ApplicationFailure) {
      return cause.type === 'CLAIM_INVALID' && cause.message !== ENCODED ? 'refused' : 'unreadable';
    }
    if (!(cause instanceof TimeoutFailure)) throw error;
    for await (const event of historyOf(temporal, workflowId, handle.firstExecutionRunId)) {
      if (event.workflowTaskFailedEventAttributes) return 'unreadable';
    }
    return 'late';
  }
}
