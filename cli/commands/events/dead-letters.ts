import type { SluiceClient } from '../../../client/index.js';
import type { DeadLetterFilter, DeadLetterSummary } from '../../../contracts/events/dead-letter.js';
import { SluiceError } from '../../../contracts/errors.js';
import { EXIT, exitCodeOf } from '../../terminal/exit-codes.js';
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
  terminal.print(`${id}  ${status}  ${kind}  ${createdAt}  ${subject}${canRetry ? '' : '  (dismiss only)'}`);
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

/**
 * `sluice dead-letters retry|dismiss`: acts on the given letters, or with `--all` on every matching open one.
 * A failure does not stop the others.
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
  const chosen: string[] = [...ids];
  if (options.all === true) {
    for await (const letter of client.deadLetters.all({ ...filterOf(options), status: 'OPEN' })) {
      if (act === 'dismiss' || letter.canRetry) chosen.push(letter.id);
    }
  }
  let exitCode: number = EXIT.ok;
  for (const id of chosen) {
    if (options.dryRun === true) {
      const { status, subject } = await client.deadLetters.show(id);
      terminal.data({ id, act, dryRun: true, status, subject });
      terminal.print(`would ${act} ${id}  ${status}  ${subject}`);
      continue;
    }
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
  if (chosen.length === 0) terminal.note('No dead letters.');
  return exitCode;
}
