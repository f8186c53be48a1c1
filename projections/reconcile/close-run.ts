/**
 * Ends a run's rows as Temporal has ended the run, with an event that says how Sluice learned of it.
 *
 * Invariant: the log decides, as everywhere. The event is made from the log as it is when the transaction
 * commits (`run_head.revision` guards it). Of two reconcilers at once, the second finds the first one's
 * event and adds nothing; and an event that the workflow itself commits later supersedes it (live-log.ts).
 */
import type { RunStatus } from '../../contracts/run/run.js';
import type { NewDeadLetter } from '../../contracts/events/dead-letter.js';
import type { ReconciledData } from '../../contracts/run/picture.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { deadLetterStatements } from '../domain/dead-letters.js';
import { derive, newRow, type Header, type RowChange } from '../log/derive.js';
import { noteKey, notedExecution, type LogParts } from '../log/live-log.js';
import { listInvocations } from '../reads/runs/list-invocations.js';
import { replayFromLog } from '../commit/from-log.js';
import { stepRowKey } from '../log/keys.js';
import { TextWriter } from '../log/texts.js';
import { isOpenStatus } from '../log/transitions.js';
import type { Writer } from '../connection/writer.js';
import { PLAIN } from '../values/value-seal.js';

/** How Temporal closed a run. */
export interface Closing extends Pick<ReconciledData, 'reason' | 'actor' | 'mended' | 'result' | 'error'> {
  readonly status: RunStatus;
  /** Epoch ms. */
  readonly closedAt: number;
  /** Letters about steps that were not compensated; written in the same transaction. */
  readonly letters?: readonly NewDeadLetter[];
}

type Place = ReconciledData['steps'][number];

/**
 * Ends the rows of a run.
 * @returns whether an event was added; false where the log already said so (its rows are then as the log
 *   has them)
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function closeRun(
  writer: Writer,
  header: Header,
  { letters = [], ...closing }: Closing,
): Promise<boolean> {
  const { tenant, runId } = header.run;
  // The outcome in the ledger says more about a step than that it was cut off.
  const settled = new Set(
    (await listInvocations(writer.database, tenant, runId))
      .filter(({ status, local }) => status !== 'STARTED' && !local)
      .map((invocation) => JSON.stringify(stepRowKey({ tenant, runId }, invocation))),
  );
  let added = false;
  const note = (log: LogParts) => {
    const event = noteOf(header, log, closing, settled);
    added = event !== undefined;
    const about = log.live.at(-1)?.executionId;
    if (event === undefined || about === undefined) return undefined;
    return {
      execution: { ...header, executionId: noteKey(notedExecution(about)) },
      events: [event],
    };
  };
  await replayFromLog(writer, header, note, deadLetterStatements(writer.database.seal, letters));
  return added;
}

function noteOf(
  header: Header,
  { live }: LogParts,
  closing: Omit<Closing, 'letters'>,
  settled: ReadonlySet<string>,
): RunEvent | undefined {
  const events = live.map(({ event }) => event);
  const authored = live.findLast(({ event }) => event.type !== 'RUN_RECONCILED');
  const last = events.at(-1);
  if (authored === undefined || last === undefined) return undefined;
  const { runs, steps, waits } = derive(
    header,
    events,
    new TextWriter(PLAIN, header.run.tenant, header.run.runId),
  );
  const status = runs[0] && newRow(runs[0])['status'];
  const corrects = status !== closing.status;
  if (!corrects && (closing.mended === 0 || last.type === 'RUN_RECONCILED')) return undefined;
  const open = (changes: readonly RowChange[], machine: 'step' | 'wait') =>
    changes
      .filter((change) => isOpenStatus(machine, String(newRow(change)['status'])))
      .filter(({ key }) => machine === 'wait' || !settled.has(JSON.stringify(key)))
      .map(({ key }) => placeOfKey(key));
  return {
    seq: last.seq + 1,
    at: Math.max(last.at, Date.now()),
    wave: 0,
    type: 'RUN_RECONCILED',
    data: {
      ...closing,
      corrects,
      after: authored.event.seq,
      execution: authored.executionId,
      steps: open(steps, 'step'),
      waits: open(waits, 'wait'),
    },
  };
}

/** The place in the row key of a step: [tenant, run, path, iteration, attempt]. */
function placeOfKey([, , path, iteration, attempt]: RowChange['key']): Place {
  return {
    path: String(path),
    iteration: Array.isArray(iteration) ? [...(iteration as readonly number[])] : [],
    attempt: Number(attempt),
  };
}
