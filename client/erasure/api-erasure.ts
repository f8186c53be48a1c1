/** Erases through the HTTP API, for a process that cannot open the database. */
import { ApiErasure } from '../../contracts/http/erasure.js';
import { askApi, type ApiReadsOptions } from '../reads/api-reads.js';
import type { EraseRequest, ErasureReport } from './report.js';

/** Time limit of an erasure, ms: Temporal may take half a minute for each run. */
const LIMIT_MS = 600_000;

/**
 * Erases, or says what would be erased, as `client.runs.erase` does.
 * @throws SluiceError API_UNAVAILABLE, and what the API answers
 */
export async function eraseThroughApi(
  { url, token }: ApiReadsOptions,
  { tenant = 'default', dryRun = false, ...target }: EraseRequest,
): Promise<ErasureReport> {
  return await askApi(new URL('/v1/erasures', url), ApiErasure, {
    ...{ tenant, token, limitMs: LIMIT_MS },
    body: { ...target, dryRun },
  });
}
