import type { SluiceClient } from '../../../client/index.js';
import type { DeadLetterFilter, DeadLetterSummary } from '../../../contracts/events/dead-letter.js';
import { inOrderOfRuns } from '../../../contracts/events/letter-order.js';
import { SluiceError } from '../../../contracts/errors.js';
import { EXIT, exitCodeOf } from '../../terminal/exit-codes.js';
import { agreed } from '../../terminal/agreed.js';
import type { Terminal } from '../../terminal/terminal.js';

const DONE = {
  RETRIED: 'retried',
  RETRYING: 'left to the event bridge, which starts the run',
  DISMISSED: 'dismissed',
} as const;

export interface DeadLetterSelection {
  readonly status?: string;
  readonly kind?: DeadLetterFilter['kind'];
  readonly run?: string;
  readonly unredacted?: boolean;
}

/** Which letters to act on, and how. */
export interface DeadLetterBulk extends DeadLetterSelection {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly note?: string;
  /** Of a retry: a person has made sure that the histories of the runs are gone. */
  readonly historyGone?: boolean;
  /** Letters of `--all` that are acted on. */
  readonly limit?: number;
  /** Act on the letters of `--all` without a question. */
  readonly yes?: boolean;
}

const filterOf = ({ kind, run }: DeadLetterSelection): DeadLetterFilter => ({
  ...(kind !== undefined && { kind }),
  ...(run !== undefined && { runId: run }),
});

/** `sluice dead-letters list`: open letters, or all. */
export async function listDeadLettersCommand(
  client: SluiceClient,
  terminal: Terminal,
  { status = 'open', unredacted = false, ...selection }: DeadLetterSelection,
): Promise<number> {
  const open = status === 'open' && { status: 'OPEN' as const };
  const filter = { ...filterOf(selection), ...open, unredacted };
  let count = 0;
  for await (const letter of client.deadLetters.all(filter)) {
    show(terminal, letter);
    count++;
  }
  if (count === 0) terminal.note('No dead letters.');
  return EXIT.ok;
}

function show(terminal: Terminal, letter: DeadLetterSummary): void {
  terminal.data({ ...letter });
  const { id, kind, status, subject, reason, createdAt, canRetry } = letter;
  terminal.print(
    `${id}  ${status}  ${kind}  ${createdAt} (${ageOf(createdAt)} old)  ${subject}${canRetry ? '' : '  (dismiss only)'}`,
  );
  if (letter.runId !== null) terminal.print(`  run ${letter.runId}`);
  terminal.print(`  ${reason}`);
}

/** `sluice dead-letters show ID`: one letter with its data and what was done about it. */
export async function showDeadLetterCommand(
  client: SluiceClient,
  terminal: Terminal,
  id: string,
  { unredacted = false }: Pick<DeadLetterSelection, 'unredacted'>,
): Promise<number> {
  const letter = await client.deadLetters.show(id, { unredacted });
  if (terminal.json) terminal.data({ ...letter });
  else terminal.print(JSON.stringify(letter, null, 2));
  return EXIT.ok;
}

/** Letters of `--all` that are acted on by default. */
const BULK_LIMIT = 100;

/**
 * `sluice dead-letters retry|dismiss`: acts on the given letters, or with `--all` on every matching open one.
 * Runs follow one another by their oldest letter; within a run, compensations go from the last step to the
 * first. Nothing is done about the letters of `--all` before they were shown and a person agreed, or `--yes`
 * was given. A failure does not stop the others.
 * @returns the exit code of the first failure, else 0
 */
export async function actOnDeadLettersCommand(
  client: SluiceClient,
  terminal: Terminal,
  act: 'retry' | 'dismiss',
  { ids, ...options }: DeadLetterBulk & { readonly ids: readonly string[] },
): Promise<number> {
  if ((ids.length === 0) !== (options.all === true)) {
    throw new SluiceError('INPUT_INVALID', 'Give either the ids of dead letters or --all');
  }
  const chosen: DeadLetterSummary[] = [];
  if (options.all === true) {
    for await (const letter of client.deadLetters.all({ ...filterOf(options), status: 'OPEN' })) {
      if (act === 'dismiss' || letter.canRetry) chosen.push(letter);
    }
  } else if (options.dryRun === true) {
    for (const id of ids) chosen.push(await client.deadLetters.show(id));
  }
  const { limit = BULK_LIMIT } = options;
  const plan = options.all === true ? inOrderOfRuns(chosen).slice(0, limit) : chosen;
  if (chosen.length > plan.length) {
    terminal.note(
      `${chosen.length - plan.length} more stay as they are: --limit ${chosen.length} takes all.`,
    );
  }
  if (options.dryRun === true || (options.all === true && options.yes !== true)) {
    for (const letter of plan) {
      const { id, status, subject, runId, createdAt } = letter;
      if (options.dryRun === true) {
        terminal.data({ id, act, dryRun: true, status, subject, runId, createdAt });
      }
      terminal.print(
        `would ${act} ${id}  ${status}  ${ageOf(createdAt)} old  run ${runId ?? '-'}  ${subject}`,
      );
    }
    if (options.dryRun === true || plan.length === 0) {
      if (plan.length === 0) terminal.note('No dead letters.');
      return EXIT.ok;
    }
    if (!(await agreed(terminal, `Do this for ${plan.length} dead letters? [y/N] `))) {
      terminal.print('Nothing was done.');
      return EXIT.failed;
    }
  }
  const doing = options.all === true ? plan.map(({ id }) => id) : ids;
  let exitCode: number = EXIT.ok;
  for (const id of doing) {
    try {
      const { note, historyGone } = options;
      const status = await client.deadLetters[act](id, {
        ...(note !== undefined && { note }),
        ...(historyGone === true && { historyGone }),
      });
      terminal.data({ id, act, done: true, status });
      terminal.print(`${id}  ${DONE[status]}`);
    } catch (thrown) {
      const code = exitCodeOf(terminal.error(thrown));
      if (exitCode === EXIT.ok) exitCode = code;
    }
  }
  if (doing.length === 0) terminal.note('No dead letters.');
  return exitCode;
}

const MINUTE_MS = 60_000;
/** Units of an age, the largest first, in minutes. */
const UNITS = [
  ['d', 1_440],
  ['h', 60],
] as const;

/** How long ago an instant was, in its largest unit. */
function ageOf(instant: string): string {
  const minutes = Math.max(0, Math.floor((Date.now() - Date.parse(instant)) / MINUTE_MS));
  for (const [unit, size] of UNITS) {
    if (minutes >= size) return `${Math.floor(minutes / size)} ${unit}`;
  }
  return `${minutes} min`;
}
