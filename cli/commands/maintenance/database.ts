import { randomUUID } from 'node:crypto';
import type { ErasureReport } from '../../../client/index.js';
import { toSluiceError } from '../../../contracts/errors.js';
import { openProjections, type Projections } from '../../../projections/index.js';
import type { SluiceConfig } from '../../../worker/config/config.js';

/** Opens the configured database for one command and closes it afterwards. */
export async function withProjections<T>(
  config: SluiceConfig,
  work: (projections: Projections) => Promise<T>,
): Promise<T> {
  const projections = await openProjections(config.database);
  try {
    return await work(projections);
  } finally {
    await projections.close();
  }
}

/** The tenant whose audit has what concerns all tenants. */
export const AUDITED_IN = 'default';

/** Who does what, for the audit. */
interface RecordedAct {
  readonly tenant: string;
  readonly subject: string;
  readonly act: string;
  /** What it acts on, as far as that is known, such as `run:ID`. */
  readonly on: readonly string[];
}

/**
 * Acts between the two writes of an audit row, as the API does.
 * @param work gives what it acted on, beside its result
 * @throws what `work` throws; SluiceError DATABASE_*
 */
export async function recorded<T>(
  { audit }: Pick<Projections, 'audit'>,
  { tenant, subject, act, on }: RecordedAct,
  work: () => Promise<{ readonly result: T; readonly on: readonly string[] }>,
): Promise<T> {
  const key = { tenant, at: new Date(), requestId: randomUUID() };
  await audit.begin({ ...key, kind: 'cli', issuer: undefined, subject, act, on });
  try {
    const { result, on: more } = await work();
    await audit.settle(key, { outcome: 'done', code: undefined, on: more, endedAt: new Date() });
    return result;
  } catch (thrown) {
    const { code, status } = toSluiceError(thrown);
    const outcome = status < FAILED_STATUS ? 'refused' : 'failed';
    await audit.settle(key, { outcome, code, on: [], endedAt: new Date() });
    throw thrown;
  }
}

/** Server errors begin here: what is below is a refusal. */
const FAILED_STATUS = 500;

/** Who erases what. */
interface RecordedErasure {
  readonly tenant: string;
  readonly subject: string;
  readonly runIds?: readonly string[] | undefined;
  readonly dryRun?: boolean | undefined;
}

/**
 * Erases, with an audit row that names runs and events, and no key; a dry run leaves none.
 * @throws what `erase` throws; SluiceError DATABASE_*
 */
export async function recordedErasure(
  projections: Pick<Projections, 'audit'>,
  { tenant, subject, runIds = [], dryRun }: RecordedErasure,
  erase: () => Promise<ErasureReport>,
): Promise<ErasureReport> {
  if (dryRun === true) return await erase();
  const on = runIds.map((runId) => `run:${runId}`);
  return await recorded(projections, { tenant, subject, act: 'erase', on }, async () => {
    const result = await erase();
    return {
      result,
      on: [
        ...result.runs.map(({ runId }) => `run:${runId}`),
        ...result.events.map(({ source, id }) => `event:${source}/${id}`),
      ],
    };
  });
}
