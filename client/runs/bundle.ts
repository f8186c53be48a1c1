/**
 * One run as one JSON document, for an audit or a bug report.
 *
 * Invariants
 * - It holds everything that is known about the run: the definition as it was published, with its pinned
 *   hash, the row, the steps, the whole log (events that a reset undid are flagged), waits, the ledger,
 *   evidence, the audit rows of its events, and who acted on it.
 * - `digest` is the sha-256 of the RFC 8785 form of everything else in it: it changes with any value, and
 *   does not change with the order of keys or with white space.
 * - Marked values are redacted unless `unredacted` asks for them; `redacted` tells which, and the digest
 *   covers it.
 */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import { JsonValue, type Json, type JsonObject } from '../../contracts/json.js';
import type { Page, PageRequest } from '../../projections/index.js';
import { allItems } from '../reads/reads.js';
import { findRun, readsOf, type OfTenant, type RunContext } from './context.js';
import { redactorOf } from './redactors.js';

/** Incremented when the shape changes. */
const FORMAT_VERSION = 1;

/** A bundle. Its lists have the shapes that `client.runs` returns. */
export const RunBundle = z.object({
  format: z.literal('sluice-run-bundle'),
  formatVersion: z.literal(FORMAT_VERSION),
  redacted: z.boolean(),
  /** The pinned version; null if it is no longer available. */
  definition: z
    .object({ id: z.string(), version: z.number(), hash: z.string(), format: z.string(), source: z.string() })
    .nullable(),
  /** The hash that the run is pinned to. */
  definitionHash: z.string().nullable(),
  run: z.looseObject({ runId: z.string(), workflowId: z.string(), tenant: z.string() }),
  steps: z.array(JsonValue),
  events: z.array(JsonValue),
  waits: z.array(JsonValue),
  invocations: z.array(JsonValue),
  evidence: z.array(JsonValue),
  inbound: z.array(JsonValue),
  /** Who acted on it, newest first. A bundle of an older Sluice has none. */
  audit: z.array(JsonValue).optional(),
  /** sha-256, hex. */
  digest: z.string(),
});
export type RunBundle = z.infer<typeof RunBundle>;

export interface ExportOptions extends OfTenant {
  /** True: include marked values. Default false. */
  readonly unredacted?: boolean | undefined;
}

/**
 * Exports a run.
 * @throws SluiceError RUN_NOT_FOUND, READS_NOT_CONFIGURED; INPUT_INVALID if `unredacted` is asked of a source
 *   that redacts
 */
export async function exportRun(
  context: RunContext,
  runId: string,
  { tenant: of, unredacted = false }: ExportOptions = {},
): Promise<RunBundle> {
  const reads = readsOf(context);
  if (unredacted && reads.redacted === true) {
    throw new SluiceError(
      'INPUT_INVALID',
      'This source redacts marked values: export without `unredacted`, or where the database is.',
    );
  }
  const run = await findRun(context, runId, { tenant: of });
  const { tenant } = run;
  const definition = await reads.getDefinition(tenant, run.definition, run.version);
  const redactor = await redactorOf(context, run);
  const all = async <T extends object>(
    ask: (page: PageRequest) => Promise<Page<T>>,
    hide: (item: T) => T,
  ): Promise<Json[]> => {
    const items: Json[] = [];
    for await (const item of allItems(ask)) items.push(toJson(unredacted ? item : hide(item)));
    return items;
  };
  const bundle = {
    format: 'sluice-run-bundle' as const,
    formatVersion: FORMAT_VERSION,
    redacted: !unredacted,
    definition: definition && {
      id: definition.id,
      version: definition.version,
      hash: definition.hash,
      format: definition.format,
      source: definition.source,
    },
    definitionHash: run.definitionHash,
    run: toJson(unredacted ? run : redactor.run(run)),
    steps: await all(
      (page) => reads.listSteps(tenant, runId, page),
      (step) => redactor.step(step),
    ),
    events: await all(
      (page) => reads.listEvents(tenant, runId, { ...page, superseded: true }),
      (event) => redactor.event(event),
    ),
    waits: await all(
      (page) => reads.pageWaits(tenant, runId, page),
      (wait) => redactor.wait(wait),
    ),
    invocations: await all(
      (page) => reads.pageInvocations(tenant, runId, page),
      (use) => redactor.invocation(use),
    ),
    evidence: await all(
      (page) => reads.pageEvidence(tenant, runId, page),
      (evidence) => redactor.evidence(evidence),
    ),
    inbound: await all(
      (page) => reads.pageInbound(tenant, runId, page),
      (event) => redactor.inbound(event),
    ),
    audit: await all(
      (page) => reads.listAudit(tenant, { on: `run:${runId}` }, page),
      (act) => act,
    ),
  };
  const content = toJson({ ...bundle, definition: definition === undefined ? null : bundle.definition });
  return RunBundle.parse({ ...content, digest: digestOf(content) });
}

/**
 * Checks that a bundle is unchanged since its export.
 * @returns the bundle, parsed
 * @throws SluiceError BUNDLE_INVALID
 */
export function verifyBundle(value: unknown): RunBundle {
  const parsed = RunBundle.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw new SluiceError('BUNDLE_INVALID', problems.join('; '), { details: problems });
  }
  const content = Object.entries(value as JsonObject).filter(([key]) => key !== 'digest');
  const found = digestOf(Object.fromEntries(content));
  if (found === parsed.data.digest) return parsed.data;
  throw new SluiceError(
    'BUNDLE_INVALID',
    `The content has the digest ${found}; the bundle claims ${parsed.data.digest}.`,
  );
}

function digestOf(content: JsonObject): string {
  return createHash('sha256')
    .update(canonicalize(content) ?? '')
    .digest('hex');
}

/** The value as JSON: without keys that are undefined. */
function toJson(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}
