/**
 * Redactors of runs, each made once: a run's payload and pinned definition never change.
 *
 * Invariant: a run whose definition can't be read is shown with nothing of its authors' values, rather than with
 * something that may be marked.
 */
import { SluiceError } from '../../contracts/errors.js';
import type { Definition } from '../../contracts/definition/index.js';
import type { RunSummary, RunView } from '../../projections/index.js';
import { redactorFor, type Redactor } from '../redaction/redaction.js';
import { findRun, readsOf, type RunContext } from './context.js';

const KEPT = 500;

type Pinned = Pick<RunSummary, 'tenant' | 'definition' | 'version'>;

const definitions = new WeakMap<object, Map<string, Pick<Definition, 'payloadSchema'>>>();
const redactors = new WeakMap<object, Map<string, Redactor>>();

/** What hides the marked values of a run. @throws SluiceError DEFINITION_VERSION_NOT_FOUND */
export async function redactorOf(context: RunContext, run: RunView): Promise<Redactor> {
  const kept = keptFor(redactors, readsOf(context));
  const key = JSON.stringify([run.tenant, run.runId]);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const redactor = redactorFor(await definitionOf(context, run), run.payload);
  // Without its first event a row has no payload yet: what is to be hidden is not known before that.
  if (run.definitionHash !== null) keep(kept, key, redactor);
  return redactor;
}

/** The same, for a row of a list: the whole run is read only where its definition marks anything. */
export async function hideSummary(context: RunContext, run: RunSummary): Promise<RunSummary> {
  const { payloadSchema } = await definitionOf(context, run);
  if (payloadSchema === undefined || !JSON.stringify(payloadSchema).includes('"writeOnly":true')) return run;
  const whole = await findRun(context, run.runId, run);
  return (await redactorOf(context, whole)).summary(run);
}

async function definitionOf(
  context: RunContext,
  { tenant, definition, version }: Pinned,
): Promise<Pick<Definition, 'payloadSchema'>> {
  const reads = readsOf(context);
  const kept = keptFor(definitions, reads);
  const key = JSON.stringify([tenant, definition, version]);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const stored = await reads.getDefinition(tenant, definition, version);
  if (stored === undefined) {
    throw new SluiceError(
      'DEFINITION_VERSION_NOT_FOUND',
      `Tenant ${tenant} has no version ${version} of ${definition}: what of its runs may be shown is not known.`,
    );
  }
  // Here, because it is heavy, and whoever reads through an API gets values that are redacted already.
  const { readDefinition } = await import('../../definitions/index.js');
  const { payloadSchema } = readDefinition(stored.source, stored.format).definition;
  const marks = payloadSchema === undefined ? {} : { payloadSchema };
  keep(kept, key, marks);
  return marks;
}

function keptFor<T>(all: WeakMap<object, Map<string, T>>, owner: object): Map<string, T> {
  const kept = all.get(owner) ?? new Map<string, T>();
  all.set(owner, kept);
  return kept;
}

function keep<T>(kept: Map<string, T>, key: string, value: T): void {
  kept.set(key, value);
  const [oldest] = kept.keys();
  if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
}
