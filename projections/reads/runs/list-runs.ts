/**
 * A page of a tenant's runs, newest first.
 *
 * Invariant: the cost of a page doesn't grow with the number of runs. `run_list` holds each run once for
 * each list that it is in, under a key that descends with time, so that a page is a range of keys. One
 * filter picks the list; the runs in it are looked up, and their rows decide: an entry whose row says
 * otherwise (somebody edited or deleted the row) is skipped.
 */
import { z } from 'zod';
import { RecordId } from 'surrealdb';
import { SluiceError } from '../../../contracts/errors.js';
import type { RunStatus } from '../../../contracts/run/run.js';
import type { Database } from '../../connection/connection.js';
import { listKey, runOfListKey } from '../../log/keys.js';
import { read, readRows } from '../../connection/read.js';
import { pageLimit, toListPage, type ListedRow, type Page, type PageRequest } from '../../connection/page.js';
import { keyTexts, listedKey } from '../../values/value-seal.js';
import { RunColumns, toSummary, type RunSummary } from './run-view.js';

export interface RunFilter {
  readonly definition?: string | undefined;
  readonly status?: RunStatus | undefined;
  readonly state?: string | undefined;
  readonly correlationKey?: string | undefined;
  readonly parentRunId?: string | undefined;
  /** Only re-runs of this run. */
  readonly rerunOf?: string | undefined;
  /** ISO instants: started at or after, started before. */
  readonly startedFrom?: string | undefined;
  readonly startedBefore?: string | undefined;
}

/** The statement of a page of a list: the keys between two texts, so all of them are texts. */
export const LIST_RUNS = `SELECT VALUE id[3] FROM type::record('run_list',
  [$tenant, $list, $value, $above]>..[$tenant, $list, $value, $below]) LIMIT $limit`;

/** The statement that looks up the runs of a page. */
const LOOK_UP_RUNS = `SELECT * OMIT payload, result, trigger, error FROM $ids`;

/** The most selective list for a filter. */
function listOf(filter: RunFilter): readonly [list: string, value: string] {
  const { correlationKey, parentRunId, rerunOf, state, definition, status } = filter;
  if (rerunOf !== undefined) return ['rerun-of', rerunOf];
  if (correlationKey !== undefined) return ['key', correlationKey];
  if (parentRunId !== undefined) return ['parent', parentRunId];
  if (state !== undefined) return ['state', state];
  if (definition !== undefined && status !== undefined) {
    return ['definition-status', `${definition}/${status}`];
  }
  if (definition !== undefined) return ['definition', definition];
  if (status !== undefined) return ['status', status];
  return ['all', ''];
}

/** @throws SluiceError INPUT_INVALID; DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function listRuns(
  database: Database,
  tenant: string,
  filter: RunFilter = {},
  page: PageRequest = {},
): Promise<Page<RunSummary>> {
  const limit = pageLimit(page);
  const [list, value] = listOf(filter);
  const values = list === 'key' ? keyTexts(database.seal, tenant, value).map(listedKey) : [value];
  const found: ListedRow<RunColumns>[] = [];
  let above = page.after ?? timeKey(filter.startedBefore) ?? '';
  const below = timeKey(filter.startedFrom) ?? LAST_KEY;
  for (;;) {
    const pages = values.map((one) => {
      const range = { tenant, list, value: one, above, below, limit: limit + 1 };
      return read(database, z.array(z.string()), LIST_RUNS, range);
    });
    const keys = (await Promise.all(pages)).flat();
    // Runs from before the key ring was configured are listed under the plain key.
    if (pages.length > 1) keys.sort().splice(limit + 1);
    for (const listed of await lookUp(database, tenant, keys)) {
      // One that cannot be read is in the list that the filter picked, and nothing more is known of it.
      if (listed.row === undefined || matches(listed.row, filter)) found.push(listed);
    }
    const last = keys.at(-1);
    if (last === undefined || keys.length <= limit || found.length > limit) break;
    above = last;
  }
  return toListPage(found, limit, (row) => row.list_key, toSummary);
}

const LAST_KEY = '\u{10ffff}';

/** Characters of an instant that a message shows. */
const SHOWN_INSTANT = 100;

// A key descends with time: runs of one instant lie between its time key and that of the instant before. So
// "before a time" is above the key that ends its instant, and "from a time on" is below it.
function timeKey(instant: string | undefined): string | undefined {
  if (instant === undefined) return undefined;
  const time = new Date(instant);
  if (!Number.isNaN(time.getTime())) return listKey(time, LAST_KEY);
  throw new SluiceError('INPUT_INVALID', `"${instant.slice(0, SHOWN_INSTANT)}" is not an ISO 8601 instant`);
}

async function lookUp(
  database: Database,
  tenant: string,
  keys: readonly string[],
): Promise<readonly ListedRow<RunColumns>[]> {
  if (keys.length === 0) return [];
  const ids = keys.map((key) => new RecordId('run', [tenant, runOfListKey(key)]));
  const rows = await readRows(database, RunColumns, LOOK_UP_RUNS, { ids });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return keys.flatMap((key, i) => {
    const row = byId.get(String(ids[i]));
    if (row === undefined || (row.row !== undefined && row.row.list_key !== key)) return [];
    // The key is where the row is listed: also where the row itself does not tell.
    return [{ ...row, raw: { list_key: key } }];
  });
}

function matches(row: RunColumns, filter: RunFilter): boolean {
  const { definition, status, state, correlationKey, parentRunId, rerunOf } = filter;
  return (
    (rerunOf === undefined || row.rerun_of_run_id === rerunOf) &&
    (definition === undefined || row.definition === definition) &&
    (status === undefined || row.status === status) &&
    (state === undefined || row.state === state) &&
    (parentRunId === undefined || row.parent_run_id === parentRunId) &&
    (correlationKey === undefined || (row.correlation_keys ?? []).includes(correlationKey))
  );
}
