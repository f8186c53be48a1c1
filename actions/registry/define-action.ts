/**
 * How an action is written.
 *
 * Invariant: what comes out of here has a valid id and version, and carries a mark by which a configuration
 * module's exports are told apart from everything else it exports. The mark is a registered symbol, because a
 * TypeScript loader may load this file twice in one process.
 */
import type { z } from 'zod';
import type { ActionDefinition } from '../../contracts/run/action.js';
import { ActionId } from '../../contracts/definition/names.js';
import { SluiceError } from '../../contracts/errors.js';
import { RESERVED_PREFIX } from '../../contracts/run/messages.js';

const MARK = Symbol.for('sluice.action');

/**
 * Defines an action of the catalogue.
 *
 * @param definition `id` is `<domain>.<verb>` and becomes the Temporal activity type; `version` counts from 1;
 * `input` and `output` are zod schemas that every call is held to
 * @throws SluiceError NAME_RESERVED for an id that begins with `sluice.`, CONFIG_INVALID for an id or a version
 * of another shape
 */
export function defineAction<I extends z.ZodType, O extends z.ZodType>(
  definition: ActionDefinition<I, O>,
): ActionDefinition<I, O> {
  const { id, version } = definition;
  if (id.startsWith(RESERVED_PREFIX)) {
    throw new SluiceError('NAME_RESERVED', `The action "${id}" uses the prefix ${RESERVED_PREFIX}`);
  }
  const parsed = ActionId.safeParse(id);
  if (!parsed.success) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `The action id "${id}" ${parsed.error.issues.map((issue) => issue.message).join('; ')}`,
    );
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `The version of the action "${id}" must be a whole number from 1, not ${version}`,
    );
  }
  return Object.freeze(Object.assign({ [MARK]: true }, definition));
}

/** True for what `defineAction` gave back, also in another copy of this module. */
export function isAction(value: unknown): value is ActionDefinition {
  return typeof value === 'object' && value !== null && MARK in value;
}
