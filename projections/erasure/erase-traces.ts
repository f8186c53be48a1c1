/**
 * Erases what is left beside runs and events: dead letters about them, stored answers of the API that
 * name them, and errors of deliveries to them.
 *
 * Invariants
 * - One transaction: what a dry run counts goes as a whole.
 * - A letter stays, without its content, and can't be retried: an open one is dismissed. One that is
 *   being retried is refused.
 * - A stored answer goes, and its idempotency key stays used: a repetition of the request is refused,
 *   and not done again.
 */
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { Database } from '../connection/connection.js';
import { loadTexts } from '../log/texts.js';
import { commit, Refusal, type Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';
import { blank } from './blank.js';
import { scan } from './scan.js';

/** What the letters and answers are about. */
export interface ErasedThings {
  readonly tenant: string;
  readonly runs: readonly { readonly runId: string; readonly workflowId: string }[];
  readonly events: readonly { readonly source: string; readonly id: string }[];
  readonly correlationKey?: string | undefined;
}

export interface ErasedTraces {
  readonly deadLetters: number;
  readonly answers: number;
}

const LETTERS: Statement = {
  label: 'dead_letter.empty',
  text: `FOR $letter IN $letters {
  LET $id = type::record('dead_letter', $letter);
  LET $old = (SELECT * FROM ONLY $id);
  IF $old.status = 'RETRYING' { THROW 'sluice:RETRYING' };
  IF $old.status = 'OPEN' {
    DELETE type::record('dead_letter_list', [$letter[0], 'OPEN', $old.list_key]) RETURN NONE;
    UPSERT type::record('dead_letter_list', [$letter[0], 'DISMISSED', $old.list_key]) RETURN NONE;
    UPDATE $id SET status = 'DISMISSED', resolved_at = time::now() RETURN NONE;
  };
  UPDATE $id SET ${blank('dead_letter')} RETURN NONE;
  FOR $text IN [$old.body, $old.retry_with] {
    IF $text != NONE AND string::starts_with($text, '@') {
      LET $others = (SELECT VALUE id FROM dead_letter:[$letter[0]]..[$letter[0], ..] WHERE body = $text OR retry_with = $text LIMIT 1);
      IF array::len($others) = 0 { DELETE type::record('blob', [$letter[0], 'dead-letter', string::slice($text, 1)]) RETURN NONE }
    }
  }
}`,
};

const ANSWERS: Statement = {
  label: 'api_request.empty',
  text: `FOR $key IN $answers { UPDATE type::record('api_request', $key) SET hash = 'erased', ${blank('api_request')} RETURN NONE }`,
};

const DELIVERIES: Statement = {
  label: 'event_delivery.empty',
  text: `IF array::len($runs) > 0 { UPDATE event_delivery:[$tenant]..[$tenant, ..] SET ${blank('event_delivery')} WHERE error != NONE AND id[3] IN $runs RETURN NONE }`,
};

/**
 * Counts them, and erases them unless it is a dry run.
 * @throws SluiceError ERASURE_TOO_EARLY while a letter is being retried; DATABASE_*
 */
export async function eraseTraces(
  { database, faults }: Writer,
  things: ErasedThings,
  dryRun: boolean,
): Promise<ErasedTraces> {
  const { tenant } = things;
  const names = namesOf(things);
  const runIds = new Set(things.runs.map(({ runId }) => runId));
  const letters = await lettersAbout(database, tenant, runIds, names);
  const answers: (readonly unknown[])[] = [];
  for await (const { key, answer } of scan(database, tenant, 'api_request', {
    answer: z.string().optional(),
  })) {
    if (answer !== undefined && names(answer)) answers.push(key);
  }
  if (!dryRun) {
    const variables = { tenant, letters, answers, runs: [...runIds] };
    try {
      await commit(database, [LETTERS, ANSWERS, DELIVERIES], variables, faults);
    } catch (error) {
      throw error instanceof Refusal ? retrying() : error;
    }
  }
  return { deadLetters: letters.length, answers: answers.length };
}

/** @throws SluiceError ERASURE_TOO_EARLY while one is being retried */
async function lettersAbout(
  database: Database,
  tenant: string,
  runIds: ReadonlySet<string>,
  names: (text: string) => boolean,
): Promise<readonly (readonly unknown[])[]> {
  const found: (readonly unknown[])[] = [];
  for await (const { key, ...letter } of scan(database, tenant, 'dead_letter', {
    run_id: z.string().optional(),
    status: z.string(),
    body: z.string().optional(),
    retry_with: z.string().optional(),
  })) {
    const columns = [letter.body, letter.retry_with].flatMap((column) => column ?? []);
    const load = await loadTexts(database, tenant, 'dead-letter', columns);
    const ofRun = letter.run_id !== undefined && runIds.has(letter.run_id);
    if (!ofRun && !columns.some((column) => names(load(column)))) continue;
    if (letter.status === 'RETRYING') throw retrying();
    found.push(key);
  }
  return found;
}

function retrying(): SluiceError {
  return new SluiceError('ERASURE_TOO_EARLY', 'A dead letter about it is being retried.');
}

/** Whether a text, JSON or JSON in JSON, holds the name of one of the things as a value. */
function namesOf({ runs, events, correlationKey }: ErasedThings): (text: string) => boolean {
  const single = [
    ...runs.flatMap(({ runId, workflowId }) => [runId, workflowId]),
    ...(correlationKey === undefined ? [] : [correlationKey]),
  ].map((name) => JSON.stringify(name));
  const pairs = events.map(({ source, id }) => [JSON.stringify(source), JSON.stringify(id)] as const);
  return (text) => {
    const plain = text.replaceAll('\\"', '"');
    return (
      single.some((name) => plain.includes(name)) ||
      pairs.some(([source, id]) => plain.includes(source) && plain.includes(id))
    );
  };
}
