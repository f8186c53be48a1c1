/**
 * Output of a command: results go to standard output, everything else to standard error. No control
 * character of data passes (contracts/reading/printable.ts).
 */
import { styleText } from 'node:util';
import { RunError, toSluiceError, type ErrorCode, type SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { printable } from '../../contracts/reading/printable.js';
import type { Environment } from '../../worker/config/config.js';

export interface TerminalOptions {
  /** Print JSON for scripts instead of text. */
  readonly json?: boolean;
  /** Print the details of all errors. JSON always has them. */
  readonly verbose?: boolean;
}

/** Codes whose help is generic, while their messages say what is wrong with the input. */
const MESSAGE_SUFFICES: ReadonlySet<string> = new Set<ErrorCode>(['INPUT_INVALID']);
/** Codes whose help sends people to the details: what to look for, and the ids to ask again with. */
const DETAILS_NEEDED: ReadonlySet<string> = new Set<ErrorCode>(['OUTCOME_UNKNOWN']);

/** Prints what a command has to say. */
export class Terminal {
  readonly json: boolean;
  readonly verbose: boolean;
  /** Whether to print colours: only on a terminal, and not with NO_COLOR. */
  readonly color: boolean;

  constructor(env: Environment, { json = false, verbose = false }: TerminalOptions = {}) {
    this.json = json;
    this.verbose = verbose;
    this.color = process.stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  /** Prints a result for a person; silent with `--json`. */
  print(text: string): void {
    this.printStyled(printable(text, { keepLines: true }));
  }

  /** As `print`, for a text with colours: the caller passes data through `printable` first. */
  printStyled(text: string): void {
    if (!this.json) process.stdout.write(`${text}\n`);
  }

  /** Prints a result for a script as one line of JSON; silent without `--json`. */
  data(value: Json): void {
    if (this.json) process.stdout.write(`${printable(JSON.stringify(value))}\n`);
  }

  /** Prints information that is not a result. */
  note(text: string): void {
    this.#note(printable(text, { keepLines: true }));
  }

  #note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** Prints an error: its code and message, the step where a run failed, and what to do. */
  error(thrown: unknown): SluiceError {
    const error = toSluiceError(thrown);
    const { code, message, details = null, help } = error;
    const stepPath = stepPathOf(error);
    if (this.json) {
      this.data({ error: { code, message, details, stepPath, help: help ?? null } });
      return error;
    }
    const head = printable(`${code}: ${message}`, { keepLines: true });
    this.#note(this.color ? styleText('red', head) : head);
    if (stepPath !== null) this.note(`  at ${stepPath}`);
    if ((this.verbose || DETAILS_NEEDED.has(code)) && details !== null) {
      this.note(`  details: ${JSON.stringify(details)}`);
    }
    if (help !== undefined && !MESSAGE_SUFFICES.has(code)) this.note(`  ${help}`);
    return error;
  }
}

/**
 * The step at which a run failed; null for an error that is not the failure of a run. It recognizes
 * Temporal's ApplicationFailure by name, because importing the SDK would slow down every command (see
 * context.ts).
 */
function stepPathOf({ cause }: SluiceError): string | null {
  if (!(cause instanceof Error) || cause.name !== 'ApplicationFailure' || !('details' in cause)) return null;
  const [details] = Array.isArray(cause.details) ? (cause.details as readonly unknown[]) : [];
  return RunError.safeParse(details).data?.stepPath ?? null;
}
