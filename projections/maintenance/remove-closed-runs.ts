/**
 * Retention: removes closed runs that ended before a time, with everything that belongs to them.
 *
 * Invariant: a run is removed whole, in one transaction, or not at all; and only if it is closed when that
 * transaction commits. A commit that arrives meanwhile writes `run_head`, which is deleted here: one of the
 * two loses the write conflict.
 *
 * Kept: a run whose outbox still has something to send, until it is sent; and records of something other
 * than the run: inbound events, and dead letters, which an operator may still have to handle.
 */
import { RecordId } from 'surrealdb';
import { z } from 'zod';
import { TERMINAL_RUN_STATUSES } from '../../contracts/run/run.js';
import { listKey, runOfListKey } from '../log/keys.js';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';
import { LIST_RUNS } from '../reads/runs/list-runs.js';
import type { Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';
import { FREE_WAITS_OF_RUN } from '../domain/freed-keys.js';
import { listTenants } from '../log/tenants.js';
import { removeOne } from './remove-one.js';
import { type Prunable, Sample, sizeOf } from './sample.js';

export interface RetentionRequest {
  /** Runs that ended before this instant are removed. */
  readonly endedBefore: Date;
  /** Runs that one call removes at most. */
  readonly limit: number;
}

/** Runs that one read finds at most. */
const PAGE = 100;

/** Tables whose keys begin with the tenant and the run. */
const TABLES_OF_RUN = [
  'run_execution',
  'run_event',
  'step',
  'wait',
  'blob',
  'run_invocation',
  'outbox',
  'outbox_head',
  'evidence',
];

const REMOVE: readonly Statement[] = [
  {
    label: 'run.check',
    text: `{
  LET $row = (SELECT * FROM ONLY type::record('run', $run));
  IF $row = NONE OR $row.status NOT IN $closed OR $row.ended_at = NONE OR $row.ended_at >= $before { THROW 'sluice:KEPT' };
  IF array::len((SELECT id FROM outbox_due:[$run[0], $run[1]]..[$run[0], $run[1], ..])) > 0 { THROW 'sluice:KEPT' };
  FOR $list IN fn::run_lists($row) { DELETE type::record('run_list', $list) RETURN NONE };
}`,
  },
  {
    label: 'run_invocation.read',
    text: 'LET $keys = (SELECT VALUE id[2] FROM run_invocation:[$run[0], $run[1]]..[$run[0], $run[1], ..])',
  },
  {
    // Runs may share a key that an author chose: the row belongs to the run that used it last.
    label: 'action_invocation.remove',
    text: `FOR $key IN $keys { DELETE type::record('action_invocation', [$run[0], $key]) WHERE run_id = $run[1] RETURN NONE }`,
  },
  FREE_WAITS_OF_RUN,
  ...TABLES_OF_RUN.map((table) => ({
    label: `${table}.remove`,
    text: `DELETE ${table}:[$run[0], $run[1]]..[$run[0], $run[1], ..] RETURN NONE`,
  })),
  { label: 'run_head.remove', text: `DELETE type::record('run_head', $run) RETURN NONE` },
  { label: 'run_watch.remove', text: `DELETE type::record('run_watch', $run) RETURN NONE` },
  { label: 'run.remove', text: `DELETE type::record('run', $run) RETURN NONE` },
];

/**
 * @returns how many runs were removed; fewer than `limit` means that none is left
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function removeClosedRuns(writer: Writer, request: RetentionRequest): Promise<number> {
  let removed = 0;
  for (const tenant of await listTenants(writer.database, 'run_list')) {
    for (const status of TERMINAL_RUN_STATUSES) {
      removed += await removeOf(writer, tenant, status, {
        endedBefore: request.endedBefore,
        limit: request.limit - removed,
      });
      if (removed >= request.limit) return removed;
    }
  }
  return removed;
}

/** The size of a run's rows, without its lists. */
const SIZE = `RETURN ${[
  sizeOf("type::record('run', $key)"),
  ...TABLES_OF_RUN.map((table) => sizeOf(`${table}:[$key[0], $key[1]]..[$key[0], $key[1], ..]`)),
].join(' + ')}`;

/**
 * Counts and measures the runs that {@link removeClosedRuns} would look at; it keeps those whose outbox still
 * has something to send.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function countClosedRuns(database: Database, endedBefore: Date): Promise<Prunable> {
  const sample = new Sample<readonly string[]>();
  for (const tenant of await listTenants(database, 'run_list')) {
    for (const status of TERMINAL_RUN_STATUSES) {
      for (let above = listKey(endedBefore, ''); ;) {
        const keys = await read(database, z.array(z.string()), LIST_RUNS, {
          ...{ tenant, list: 'status', value: status, above },
          below: '\u{10ffff}',
          limit: PAGE,
        });
        sample.add(
          await read(
            database,
            z.array(z.tuple([z.string(), z.string()])),
            `SELECT VALUE [id[0], id[1]] FROM $ids WHERE ended_at != NONE AND ended_at < $before`,
            { ids: keys.map((key) => new RecordId('run', [tenant, runOfListKey(key)])), before: endedBefore },
          ),
        );
        const last = keys.at(-1);
        if (last === undefined) break;
        above = last;
      }
    }
  }
  return sample.measure(database, SIZE);
}

async function removeOf(
  writer: Writer,
  tenant: string,
  status: string,
  { endedBefore, limit }: RetentionRequest,
): Promise<number> {
  let removed = 0;
  // A run that ended before a time began before it. Such runs are above the time's key; the newest come
  // first.
  let above = listKey(endedBefore, '');
  while (removed < limit) {
    const keys = await read(writer.database, z.array(z.string()), LIST_RUNS, {
      tenant,
      list: 'status',
      value: status,
      above,
      below: '\u{10ffff}',
      limit: Math.min(limit - removed, PAGE),
    });
    for (const key of keys) {
      const variables = {
        run: [tenant, runOfListKey(key)],
        closed: TERMINAL_RUN_STATUSES,
        before: endedBefore,
      };
      if (await removeOne(writer, `run:${JSON.stringify(variables.run)}`, REMOVE, variables)) removed += 1;
    }
    const last = keys.at(-1);
    if (last === undefined) break;
    above = last;
  }
  return removed;
}
