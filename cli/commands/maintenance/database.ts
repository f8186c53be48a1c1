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

/** Who erases what, for the audit. */
interface RecordedErasure {
  readonly tenant: string;
  readonly subject: string;
  readonly runIds?: readonly string[] | undefined;
  readonly dryRun?: boolean | undefined;
}

/**
 * Erases between the two writes of an audit row, as the API does. The row names runs and events, and no key.
 * @throws what `erase` throws; SluiceError DATABASE_*
 */
export async function recorded(
  { audit }: Projections,
  { tenant, subject, runIds = [], dryRun }: RecordedErasure,
  erase: () => Promise<ErasureReport>,
): Promise<ErasureReport> {
  if (dryRun === true) return await erase();
  const key = { tenant, at: new Date(), requestId: randomUUID() };
  await audit.begin({
    ...{ ...key, kind: 'cli', issuer: undefined, subject, act: 'erase' },
    on: runIds.map((runId) => `run:${runId}`),
  });
  try {
    const report = await erase();
    const on = [
      ...report.runs.map(({ runId }) => `run:${runId}`),
      ...report.events.map(({ source, id }) => `event:${source}/${id}`),
    ];
    await audit.settle(key, { outcome: 'done', code: undefined, on, endedAt: new Date() });
    return report;
  } catch (thrown) {
    const { code, status } = toSluiceError(thrown);
    const outcome = status < FAILED_STATUS ? 'refused' : 'failed';
    await audit.settle(key, { outcome, code, on: [], endedAt: new Date() });
    throw thrown;
  }
}

/** Server errors begin here: what is below is a refusal. */
const FAILED_STATUS = 500;
