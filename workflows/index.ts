/**
 * The workflow bundle. One default export runs every workflow type. Each named export would be a workflow
 * type that any client could start, so the bundle has none.
 */
import { workflowInfo } from '@temporalio/workflow';
import { RESERVED_PREFIX, WORKFLOW_TYPES } from '../contracts/run/messages.js';
import { SluiceError } from '../contracts/errors.js';
import { CLAIM_MEMO, StartClaim, systemText } from '../contracts/naming/claims.js';
import { runDeadLetters } from './dead-letters.js';
import { interpret } from './interpreter/interpret.js';
import { fullHash } from './interpreter/state/hash.js';
import { Gate } from './interpreter/state/gate.js';
import { startFailure } from './interpreter/state/failure.js';
import { ClaimGate, isProven } from './runtime/claims.js';
import {
  runPutCalendar,
  runPromoteDefinition,
  runPublishDefinition,
  runUnpublishDefinition,
} from './publish-definition.js';
import { runTask } from './tasks/task.js';

/**
 * Interprets the published definition that the workflow type names, or runs one of Sluice's own workflows.
 */
export default async function run(payload: unknown, carried: unknown): Promise<unknown> {
  const type = workflowInfo().workflowType;
  // What goes on was let in when it began. A run and a task have their carried state as the second argument;
  // Sluice's other workflows have none, and never continue as new.
  const goesOn = type === WORKFLOW_TYPES.task && workflowInfo().continuedFromExecutionRunId !== undefined;
  if (carried !== undefined && type.startsWith(RESERVED_PREFIX) && !goesOn) refuseMore(type);
  if (type.startsWith(RESERVED_PREFIX) && !goesOn) refuseUnclaimed(type, payload);
  if (type === WORKFLOW_TYPES.task) return await runTask(payload, carried);
  if (type === WORKFLOW_TYPES.publish) return await runPublishDefinition(payload);
  if (type === WORKFLOW_TYPES.promote) return await runPromoteDefinition(payload);
  if (type === WORKFLOW_TYPES.unpublish) return await runUnpublishDefinition(payload);
  if (type === WORKFLOW_TYPES.putCalendar) return await runPutCalendar(payload);
  if (type === WORKFLOW_TYPES.deadLetters) return await runDeadLetters(payload);
  if (type.startsWith(RESERVED_PREFIX)) {
    throw startFailure(new SluiceError('NAME_RESERVED', `${type} is no workflow of Sluice's`));
  }
  return await interpret(payload, carried);
}

/** @throws ApplicationFailure CLAIM_INVALID where the worker checks claims and the call has none */
function refuseUnclaimed(type: string, request: unknown): void {
  const claim = workflowInfo().memo?.[CLAIM_MEMO];
  const holds = () =>
    isProven(claim, 'system') &&
    StartClaim.safeParse(claim).data?.digest === fullHash(systemText(type, request));
  if (!new ClaimGate('sluice-claimed-call').refuses(holds)) return;
  throw startFailure(
    new SluiceError('CLAIM_INVALID', `${type} was called without a claim, or with one for another call`),
  );
}

/** @throws ApplicationFailure INPUT_INVALID, unless this execution took such a start before it was refused */
function refuseMore(type: string): void {
  if (!new Gate('sluice-second-arguments').inForce()) return;
  throw startFailure(new SluiceError('INPUT_INVALID', `${type} takes one argument; this start has more`));
}
