/**
 * Sluice's search attributes on a Temporal namespace.
 *
 * Invariant: a worker polls only where all of them are registered with their types. A run that sets an
 * unregistered one would fail its workflow task again and again, without a limit.
 */
import { isGrpcServiceError } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { SluiceError } from '../../contracts/errors.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/run/messages.js';

/** The services of a worker's or a client's connection. */
type Services = Pick<NativeConnection, 'operatorService' | 'workflowService'>;

type AttributeType = (typeof SEARCH_ATTRIBUTES)[keyof typeof SEARCH_ATTRIBUTES];

/** Numbers of Temporal's `IndexedValueType`. */
const WIRE_TYPES: Readonly<Record<AttributeType, number>> = { Keyword: 2, Int: 3, KeywordList: 7 };

const INVALID_ARGUMENT = 3;
/** gRPC codes of Temporal Cloud, which does not have an operator service. */
const NO_OPERATOR_SERVICE: readonly number[] = [7, 12];

/**
 * Makes sure that the search attributes are registered.
 * @param add registers missing ones: for a dev server
 * @throws SluiceError SEARCH_ATTRIBUTE_MISSING with the commands that register them
 */
export async function ensureSearchAttributes(
  connection: Services,
  namespace: string,
  add: boolean,
): Promise<void> {
  const types = await registeredTypes(connection, namespace);
  const entries = Object.entries(SEARCH_ATTRIBUTES);
  const wrong = entries.filter(([name, type]) => (types.get(name) ?? WIRE_TYPES[type]) !== WIRE_TYPES[type]);
  if (wrong.length > 0) {
    const names = wrong.map(([name, type]) => `${name} (must be ${type})`).join(', ');
    throw new SluiceError('SEARCH_ATTRIBUTE_MISSING', `Namespace ${namespace} has another type for ${names}`);
  }
  const missing = entries.filter(([name]) => !types.has(name));
  if (missing.length === 0) return;
  if (!add) throw notRegistered(namespace, missing);
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, WIRE_TYPES[type]])),
  });
}

function notRegistered(
  namespace: string,
  missing: readonly (readonly [string, AttributeType])[],
): SluiceError {
  const commands = missing.map(
    ([name, type]) =>
      `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${type}`,
  );
  return new SluiceError(
    'SEARCH_ATTRIBUTE_MISSING',
    `Namespace ${namespace} lacks search attributes. Run:\n${commands.join('\n')}`,
    { details: missing.map(([name]) => name) },
  );
}

async function registeredTypes(
  connection: Services,
  namespace: string,
): Promise<ReadonlyMap<string, number>> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return new Map(Object.entries(customAttributes));
  } catch (error) {
    if (!isGrpcServiceError(error) || !NO_OPERATOR_SERVICE.includes(Number(error.code))) throw error;
    return await registeredByQuery(connection, namespace);
  }
}

/** Without an operator service: a query that names an unknown attribute is refused. */
export async function registeredByQuery(
  connection: Services,
  namespace: string,
): Promise<ReadonlyMap<string, number>> {
  const types = new Map<string, number>();
  for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) {
    try {
      await connection.workflowService.countWorkflowExecutions({ namespace, query: `${name} IS NOT NULL` });
      types.set(name, WIRE_TYPES[type]);
    } catch (error) {
      if (!isGrpcServiceError(error) || Number(error.code) !== INVALID_ARGUMENT) throw error;
    }
  }
  return types;
}
