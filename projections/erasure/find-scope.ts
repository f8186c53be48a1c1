/**
 * What an erasure is about: the runs and events whose values go, and what is only related to them.
 *
 * A run takes its children with it. A correlation key means the runs that have it, that waited for it,
 * and that an event with it started or reached. An event goes with its key, or with the last of the runs
 * that it reached. A task that people were asked without a run has its name as its key.
 *
 * It reads all events and waits of the tenant.
 */
import { z } from 'zod';
import type { RunRef } from '../../contracts/run/run.js';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';
import { loadJson } from '../log/texts.js';
import type { EventKey } from '../reads/events/event-rows.js';
import { getRun } from '../reads/runs/get-run.js';
import { listRuns, type RunFilter } from '../reads/runs/list-runs.js';
import type { RunSummary } from '../reads/runs/run-view.js';
import { tasksOfKey, type ErasableTask } from './erase-task.js';
import { scan } from './scan.js';

/** What to erase: runs by id, or everything of a correlation key. */
export type ErasureTarget = { readonly runIds: readonly string[] } | { readonly correlationKey: string };

/** An event of an erasure. */
export interface ErasableEvent {
  readonly source: string;
  readonly id: string;
  readonly name: string;
  /** True: it has the key of the erasure. */
  readonly ofKey: boolean;
  /** False: it is still being routed. */
  readonly routed: boolean;
  readonly erased: boolean;
}

export interface ErasureScope {
  /** Children before their parents. */
  readonly runs: readonly RunSummary[];
  readonly events: readonly ErasableEvent[];
  /** The task that has the key as its name; without a key none. Those of the runs are found by run. */
  readonly tasks: readonly ErasableTask[];
  /** Named run ids that have no row. */
  readonly missing: readonly string[];
  /** What stays, and may hold the same values. */
  readonly related: {
    readonly runs: readonly (RunRef & { readonly why: 'parent' | 'rerun' | 'started by its event' })[];
    readonly events: readonly Pick<ErasableEvent, 'source' | 'id' | 'name'>[];
  };
}

interface SeenEvent extends ErasableEvent {
  /** Runs that it started or reached. */
  readonly reached: ReadonlySet<string>;
}

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function findScope(
  database: Database,
  tenant: string,
  target: ErasureTarget,
): Promise<ErasureScope> {
  const key = 'correlationKey' in target ? target.correlationKey : undefined;
  const wanted = new Set('runIds' in target ? target.runIds : []);
  if (key !== undefined) {
    for (const { runId } of await allRuns(database, tenant, { correlationKey: key })) wanted.add(runId);
    for await (const wait of scan(database, tenant, 'wait', { correlation_key: z.string().optional() })) {
      if (wait.correlation_key === key) wanted.add(String(wait.key[1]));
    }
    for (const { reached } of await eventsWhere(database, tenant, key, ({ ofKey }) => ofKey)) {
      for (const runId of reached) wanted.add(runId);
    }
  }
  const runs = await withChildren(database, tenant, wanted);
  const ids = new Set(runs.map(({ runId }) => runId));
  const touched = await eventsWhere(
    database,
    tenant,
    key,
    ({ ofKey, reached }) => ofKey || [...reached].some((runId) => ids.has(runId)),
  );
  const goes = ({ ofKey, reached }: SeenEvent): boolean =>
    ofKey || [...reached].every((runId) => ids.has(runId));
  return {
    runs,
    events: touched.filter(goes).map(({ reached: _, ...event }) => event),
    tasks: key === undefined ? [] : await tasksOfKey(database, tenant, key),
    missing: 'runIds' in target ? target.runIds.filter((runId) => !ids.has(runId)) : [],
    related: {
      runs: await relatedRuns(database, tenant, runs),
      events: touched.filter((event) => !goes(event)).map(({ source, id, name }) => ({ source, id, name })),
    },
  };
}

async function allRuns(
  database: Database,
  tenant: string,
  filter: RunFilter,
): Promise<readonly RunSummary[]> {
  const found: RunSummary[] = [];
  for (let after: string | undefined; ;) {
    const page = await listRuns(database, tenant, filter, { limit: 500, after });
    found.push(...page.items);
    if (page.next === null) return found;
    after = page.next;
  }
}

/** The rows of the runs and of all that they called, the deepest first. */
async function withChildren(
  database: Database,
  tenant: string,
  ids: ReadonlySet<string>,
): Promise<readonly RunSummary[]> {
  const found = new Map<string, RunSummary>();
  let level: readonly RunSummary[] = (
    await Promise.all([...ids].map((runId) => getRun(database, tenant, runId)))
  ).flatMap((run) => run ?? []);
  while (level.length > 0) {
    // Set anew: what is a child of another one moves behind it.
    for (const run of level) {
      found.delete(run.runId);
      found.set(run.runId, run);
    }
    const children = await Promise.all(
      level.map(({ runId }) => allRuns(database, tenant, { parentRunId: runId })),
    );
    level = children.flat();
  }
  return [...found.values()].reverse();
}

const EVENT = {
  event_name: z.string(),
  correlation_key: z.string().optional(),
  routed_to: z.array(z.string()),
  outcome: z.string().optional(),
  erased_at: z.date().optional(),
};

async function eventsWhere(
  database: Database,
  tenant: string,
  key: string | undefined,
  matches: (event: SeenEvent) => boolean,
): Promise<readonly SeenEvent[]> {
  const found: SeenEvent[] = [];
  const deliveries = scan(database, tenant, 'event_delivery', {});
  // Both tables are in the order of the events.
  let delivery = await deliveries.next();
  for await (const row of scan(database, tenant, 'inbound_event', EVENT)) {
    const [, source, id] = row.key.map(String);
    const reached = new Set(row.routed_to);
    while (delivery.done !== true && delivery.value.key[1] === source && delivery.value.key[2] === id) {
      reached.add(String(delivery.value.key[3]));
      delivery = await deliveries.next();
    }
    const event = {
      source: source ?? '',
      id: id ?? '',
      name: row.event_name,
      ofKey: key !== undefined && row.correlation_key === key,
      routed: row.outcome !== undefined,
      erased: row.erased_at !== undefined,
      reached,
    };
    if (matches(event)) found.push(event);
  }
  await deliveries.return();
  return found;
}

const Envelope = z.looseObject({ source: z.string(), id: z.string() });

async function relatedRuns(
  database: Database,
  tenant: string,
  runs: readonly RunSummary[],
): Promise<ErasureScope['related']['runs']> {
  const ids = new Set(runs.map(({ runId }) => runId));
  const related = new Map<string, ErasureScope['related']['runs'][number]>();
  const add = ({ runId, workflowId }: RunRef, why: ErasureScope['related']['runs'][number]['why']): void =>
    void (ids.has(runId) || related.set(runId, { runId, workflowId, why }));
  for (const run of runs) {
    if (run.parent !== null) add(run.parent, 'parent');
    if (run.rerunOf !== null) add(run.rerunOf, 'rerun');
    for (const again of await allRuns(database, tenant, { rerunOf: run.runId })) add(again, 'rerun');
    for (const key of await published(database, tenant, run.runId)) {
      for (const runId of await reachedBy(database, key)) {
        const started = await getRun(database, tenant, runId);
        if (started !== undefined) add(started, 'started by its event');
      }
    }
  }
  return [...related.values()];
}

/** The events that a run has published, as the bridge knows them. */
async function published(database: Database, tenant: string, runId: string): Promise<readonly EventKey[]> {
  const rows = await read(
    database,
    z.array(z.object({ envelope: z.string() })),
    'SELECT envelope FROM outbox:[$tenant, $runId]..[$tenant, $runId, ..]',
    { tenant, runId },
  );
  const columns = rows.map(({ envelope }) => envelope);
  const decode = await loadJson(database, tenant, runId, columns);
  return columns.flatMap((column) => {
    const parsed = Envelope.safeParse(decode(column));
    return parsed.success ? [{ tenant, source: parsed.data.source, id: parsed.data.id }] : [];
  });
}

async function reachedBy(database: Database, { tenant, source, id }: EventKey): Promise<readonly string[]> {
  const rows = await read(
    database,
    z.array(z.object({ routed_to: z.array(z.string()) })),
    `SELECT routed_to FROM [type::record('inbound_event', $id)] WHERE routed_to != NONE`,
    { id: [tenant, source, id] },
  );
  return rows.flatMap(({ routed_to: routed }) => routed);
}
