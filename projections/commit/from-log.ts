/**
 * Replay from the log: a run's rows from its whole log. The slowest tier of a commit, and the rebuild.
 *
 * It runs where the row merge can't tell (domain/row-merge.ts): after a reset, for a late commit of an
 * older execution, where a row is missing or has a status that its log can't have given it. The log
 * decides: its events are parted into live and superseded ones, the live ones are derived, and the rows are
 * replaced, in one transaction.
 *
 * Invariant: the transaction succeeds only if the log is still the one that was read. Every commit raises
 * `run_head.revision`, and this one begins by comparing it. If it has moved, the log is read again.
 */
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { Execution } from '../../contracts/run/projection.js';
import { GENERATION_MARK } from '../../contracts/run/rewind.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import {
  eventRow,
  formerDigests,
  INSERT_EVENTS,
  LIST_ANEW,
  type BoundStatements,
} from '../domain/row-merge.js';
import type { Database } from '../connection/connection.js';
import { answeredLetters, failedLetters, withdrawalStatements } from '../domain/dead-letters.js';
import { FOLLOW_ALL_WAITS } from '../domain/open-waits.js';
import { derive, newRow, type Header, type RowChange } from '../log/derive.js';
import type { Columns } from '../log/effects.js';
import { eventRowKey, runRowKey, stepRowKey, type RowKey, type RunKey } from '../log/keys.js';
import {
  notedExecution,
  orderExecutions,
  partLog,
  type LoggedEvent,
  type LogParts,
} from '../log/live-log.js';
import { loadExecutions, loadLog } from '../log/load-log.js';
import { read, readReadable } from '../connection/read.js';
import { SETTLE_STEPS, UNOPENED } from '../domain/outcome.js';
import { readLedger } from '../reads/runs/list-invocations.js';
import { TextWriter } from '../log/texts.js';
import { commit, Refusal, type Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';

const MOST_TRIES = 20;

const GUARD: Statement = {
  label: 'run_head.guard',
  text: `{
  LET $head = (SELECT revision, erased_at FROM ONLY type::record('run_head', $run));
  IF $head.erased_at != NONE { THROW 'sluice:ERASED' };
  IF ($head.revision ?? 0) != $revision { THROW 'sluice:MOVED' };
}`,
};

const TABLES = ['run', 'step', 'wait'] as const;

const REPLACE: readonly Statement[] = [
  {
    label: 'run_head.replace',
    text: `UPSERT type::record('run_head', $run) CONTENT $head RETURN NONE`,
  },
  {
    label: 'run_execution.insert',
    text: 'INSERT IGNORE INTO run_execution $executions RETURN NONE',
  },
  {
    label: 'run_event.supersede',
    text: `FOR $id IN $superseded { UPDATE type::record('run_event', $id) SET superseded = true RETURN NONE }`,
  },
  {
    label: 'run_event.revive',
    text: `FOR $id IN $revived { UPDATE type::record('run_event', $id) SET superseded = NONE RETURN NONE }`,
  },
  // Rows are overwritten, and only leftovers are removed: the in-memory engine refuses to create a row in
  // the transaction that deleted it. So a step that the ledger is about to settle is emptied, not removed.
  {
    label: 'step.empty',
    text: `FOR $id IN $emptied { UPSERT type::record('step', $id) CONTENT { status: 'RUNNING', opened_seq: ${UNOPENED}, status_seq: 0, provisional: true } RETURN NONE }`,
  },
  ...TABLES.flatMap((table) => [
    {
      label: `${table}.remove`,
      text: `FOR $id IN $stale.${table} { DELETE type::record('${table}', $id) RETURN NONE }`,
    },
    {
      label: `${table}.write`,
      text: `FOR $r IN $rows.${table} {
  LET $id = type::record('${table}', $r.key);
  LET $old = (SELECT * FROM ONLY $id);
  UPSERT $id CONTENT $r.row RETURN NONE${table === 'run' ? LIST_ANEW : ''}
}`,
    },
  ]),
  ...SETTLE_STEPS,
  FOLLOW_ALL_WAITS,
];

/** Events to commit, and the execution that authored them. */
export interface NewEvents {
  readonly execution: Execution;
  readonly events: readonly RunEvent[];
}

/** Decides from the log what to add to it; asked again where the log has moved meanwhile. */
export type EventsForLog = (log: LogParts) => NewEvents | undefined;

/** What a write for a run whose values were erased is answered. */
export function erased({ runId }: Pick<RunKey, 'runId'>): SluiceError {
  return new SluiceError('RUN_ERASED', `The values of run ${runId} were erased.`, { details: { runId } });
}

/**
 * Commits events by deriving the run's rows from its whole log. Without `added` it rebuilds the rows.
 * @param more further statements of the same transaction
 * @returns each statement's value, by label
 * @throws SluiceError TRANSITION_ILLEGAL where the log itself makes an illegal transition; RUN_ERASED;
 *   Refusal of a statement in `more`
 */
export async function replayFromLog(
  { database, faults }: Writer,
  header: Header,
  added?: NewEvents | EventsForLog,
  more: BoundStatements = { statements: [], variables: {} },
): Promise<ReadonlyMap<string, unknown>> {
  for (let tries = 1; ; tries++) {
    const { statements, variables, last } = await plan(database, header, added);
    try {
      return await commit(
        database,
        [...statements, ...more.statements, ...last.statements],
        { ...variables, ...more.variables, ...last.variables },
        faults,
      );
    } catch (error) {
      if (error instanceof Refusal && error.code === 'ERASED') throw erased(header.run);
      if (!(error instanceof Refusal) || error.code !== 'MOVED') throw error;
      if (tries >= MOST_TRIES) {
        throw new SluiceError('DATABASE_FAILED', `The log of run ${header.run.runId} moved ${tries} times`, {
          cause: error,
        });
      }
    }
  }
}

async function plan(
  database: Database,
  header: Header,
  given: NewEvents | EventsForLog | undefined,
): Promise<BoundStatements & { readonly last: BoundStatements }> {
  const run = { tenant: header.run.tenant, runId: header.run.runId };
  // Read the revision before the log: a commit in between makes the guard fail, never pass.
  const revision = await read(
    database,
    z.number().default(0),
    `SELECT VALUE revision FROM ONLY type::record('run_head', $run)`,
    { run: runRowKey(run) },
  );
  const stored = await loadLog(database, run);
  const seen = await loadExecutions(database, run);
  const added = typeof given === 'function' ? given(partLog(stored, orderExecutions(seen, stored))) : given;
  const fresh: readonly LoggedEvent[] = (added?.events ?? []).map((event) => ({
    executionId: added?.execution.executionId ?? '',
    event,
  }));
  const known = new Set(stored.map(({ event, executionId }) => `${event.seq} ${executionId}`));
  const log = [...stored, ...fresh.filter((e) => !known.has(`${e.event.seq} ${e.executionId}`))];
  const current = added?.execution.executionId;
  const executions =
    current === undefined || notedExecution(current) !== current || seen.some(({ id }) => id === current)
      ? seen
      : [...seen, { id: current, seenAt: Math.max(Date.now(), ...seen.map((one) => one.seenAt + 1)) }];
  const order = orderExecutions(executions, log);
  const { live, superseded } = partLog(log, order);

  const texts = new TextWriter(database.seal, run.tenant, run.runId);
  const generation = generationOf(live);
  const derived = derive(
    header,
    live.map(({ event }) => event),
    texts,
    live.flatMap(({ event, executionId }, i) =>
      i > 0 && live[i - 1]?.executionId !== executionId ? [event.seq] : [],
    ),
  );
  const flags = new Map(stored.map((e) => [`${e.event.seq} ${e.executionId}`, e.superseded]));
  const ids = (events: readonly LoggedEvent[], was: boolean) =>
    events
      .filter((e) => (flags.get(`${e.event.seq} ${e.executionId}`) ?? false) === was)
      .map((e) => eventRowKey(run, e.event.seq, e.executionId));
  const last = live.at(-1);
  if (last === undefined) {
    return {
      statements: [GUARD],
      variables: { run: runRowKey(run), revision },
      last: { statements: [], variables: {} },
    };
  }
  // After a note the head is the note's, so that the next commit is replayed from the log.
  const noted = notedExecution(last.executionId) !== last.executionId;
  const latest =
    (noted ? undefined : order.findLast((id) => live.some((e) => e.executionId === id))) ?? last.executionId;
  const rows = {
    run: derived.runs.map(keyed),
    step: derived.steps.map(keyed),
    wait: derived.waits.map(keyed),
  };
  const eventRows =
    added === undefined ? [] : added.events.map((event) => eventRow(added.execution, event, texts));
  return {
    statements: [GUARD, ...(eventRows.length > 0 ? [INSERT_EVENTS] : []), ...REPLACE, ...texts.statements()],
    last: withdrawalStatements(run.tenant, withdrawnLetters(run.runId, { live, superseded })),
    variables: {
      run: runRowKey(run),
      wait_workflow: header.workflowId,
      revision,
      events: eventRows,
      former: formerDigests(added?.events ?? [], texts),
      head: {
        revision: revision + 1,
        last_seq: last.event.seq,
        last_event_at: new Date(last.event.at),
        execution: latest,
        execution_first: Math.min(...live.filter((e) => e.executionId === latest).map((e) => e.event.seq)),
        executions: order.length,
      },
      executions: executions.map(({ id, seenAt }) => ({
        id: [run.tenant, run.runId, id],
        seen_at: new Date(seenAt),
      })),
      superseded: ids(superseded, false),
      revived: ids(live, true),
      rows,
      generation,
      ...(await findLeftovers(database, run, rows, generation)),
      ...texts.variables(),
    },
  };
}

/**
 * Letters about a future that a reset superseded, and about steps that the run can compensate again since
 * the reset.
 */
function withdrawnLetters(runId: string, { live, superseded }: LogParts): readonly string[] {
  const events = live.map(({ event }) => event);
  const current = new Set(failedLetters(runId, events));
  const supersededEvents = superseded.map(({ event }) => event);
  const alive = events.at(-1)?.type !== 'RUN_RECONCILED';
  const revived = alive && supersededEvents.some(({ type }) => type === 'RUN_RECONCILED');
  return [
    ...failedLetters(runId, supersededEvents).filter((id) => !current.has(id)),
    ...(revived ? answeredLetters(runId, events) : []),
  ];
}

/** The suffix of every key since the last rewind; undefined where the run was not rewound. */
function generationOf(live: readonly LoggedEvent[]): string | undefined {
  const rewound = live.findLast(({ event }) => event.type === 'RUN_REWOUND')?.event;
  return rewound?.type === 'RUN_REWOUND' ? `${GENERATION_MARK}${rewound.data.generation}` : undefined;
}

function keyed(change: RowChange): { readonly key: RowKey; readonly row: Columns } {
  return { key: change.key, row: newRow(change) };
}

interface Leftovers {
  /** Keys of rows that the log doesn't produce, by table. */
  readonly stale: Readonly<Record<string, readonly unknown[]>>;
  /** Keys of steps that the ledger settles. */
  readonly emptied: readonly unknown[];
}

async function findLeftovers(
  database: Database,
  run: RunKey,
  rows: Readonly<Record<(typeof TABLES)[number], readonly { readonly key: RowKey }[]>>,
  generation: string | undefined,
): Promise<Leftovers> {
  const { items: ledger, unreadable } = await readLedger(database, run.tenant, run.runId);
  const settled = new Set(
    ledger
      .filter(({ status, local }) => status !== 'STARTED' && !local)
      .filter(({ idempotencyKey }) => generation === undefined || idempotencyKey.endsWith(generation))
      .map((invocation) => JSON.stringify(stepRowKey(run, invocation))),
  );
  const stale: Record<string, readonly unknown[]> = {};
  let emptied: readonly unknown[] = [];
  for (const table of TABLES) {
    const kept = new Set(rows[table].map(({ key }) => JSON.stringify(key)));
    const existing = await readReadable(
      database,
      z.object({ key: z.array(z.json()) }),
      `SELECT id AS record, record::id(id) AS key FROM ${table}:[$tenant, $runId]..[$tenant, $runId, ..]`,
      { tenant: run.tenant, runId: run.runId },
    );
    const left = existing.map(({ key }) => key).filter((key) => !kept.has(JSON.stringify(key)));
    stale[table] = left.filter((key) => table !== 'step' || !settled.has(JSON.stringify(key)));
    if (table === 'step') emptied = left.filter((key) => settled.has(JSON.stringify(key)));
    // Which step a ledger row settles, that cannot be read, is not known: it may be any of these.
    if (table === 'step' && unreadable.length > 0) stale[table] = [];
  }
  return { stale, emptied };
}
