/**
 * The workflow bundle. One default export runs every workflow type: each exported name would be a type that
 * anybody could start, so there is none.
 */
import { workflowInfo } from '@temporalio/workflow';
import { RESERVED_PREFIX, WORKFLOW_TYPES } from '../contracts/run/messages.js';
import { SluiceError } from '../contracts/errors.js';
import { deadLetters } from './dead-letters.js';
import { interpret } from './interpreter/interpret.js';
import { startFailure } from './interpreter/state/failure.js';
import { publish, unpublish } from './publish-definition.js';

/** Interprets the published definition that the workflow type names, or runs one of Sluice's own workflows. */
export default async function run(payload: unknown, carried: unknown): Promise<unknown> {
  const type = workflowInfo().workflowType;
  if (type === WORKFLOW_TYPES.publish) return await publish(payload);
  if (type === WORKFLOW_TYPES.unpublish) return await unpublish(payload);
  if (type === WORKFLOW_TYPES.deadLetters) return await deadLetters(payload);
  if (type.startsWith(RESERVED_PREFIX)) {
    throw startFailure(new SluiceError('NAME_RESERVED', `${type} is no workflow of Sluice's`));
  }
  return await interpret(payload, carried);
}
