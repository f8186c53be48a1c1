/**
 * Defines actions.
 *
 * Invariant: a defined action has a valid id and version, and carries a mark that distinguishes it from the
 * other exports of a configuration module. The mark is a registered symbol, because a TypeScript loader may
 * load this file twice in one process.
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
 * @param definition `id` is `<domain>.<verb>` and becomes the Temporal activity type; `version` counts from
 * 1; `input` and `output` are zod schemas that check every call; `run` does the work. It may run more than
 * once for one step, so pass `context.idempotencyKey` on, and `context.signal` to every I/O call
 * @returns the action, for a module that `sluice.config.ts` names
 * @throws SluiceError NAME_RESERVED for an id that begins with `sluice.`, CONFIG_INVALID for an invalid id or
 * version
 * @example
 * ```ts
 * import { defineAction, SluiceError } from 'sluice/actions';
 * import { z } from 'zod';
 *
 * export const reserve = defineAction({
 *   id: 'inventory.reserve',
 *   version: 1,
 *   description: 'Reserves stock for a line of an order.',
 *   input: z.strictObject({ sku: z.string(), quantity: z.int().positive() }),
 *   output: z.object({ reservationId: z.string() }),
 *   async run({ sku, quantity }, { idempotencyKey, signal }) {
 *     const response = await fetch('https://stock.example/reservations', {
 *       method: 'POST',
 *       headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
 *       body: JSON.stringify({ sku, quantity }),
 *       signal,
 *     });
 *     if (response.status === 409) {
 *       throw new SluiceError('OUT_OF_STOCK', `${sku} is sold out`, { retryable: false });
 *     }
 *     return z.object({ reservationId: z.string() }).parse(await response.json());
 *   },
 * });
 * ```
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

/** True for a defined action, also from another copy of this module. */
export function isAction(value: unknown): value is ActionDefinition {
  return typeof value === 'object' && value !== null && MARK in value;
}
