/** Where a command writes: results to standard output, everything else to standard error. */
import { styleText } from 'node:util';
import { RunError, toSluiceError, type SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import type { Environment } from '../../worker/config/config.js';

/** What every command gets to talk to its user. */
export class Terminal {
  /** Colours are for people: a terminal, and no NO_COLOR. */
  readonly color: boolean;

  constructor(
    readonly json: boolean,
    env: Environment,
  ) {
    this.color = process.stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  /** The result, for a person. */
  print(text: string): void {
    if (!this.json) process.stdout.write(`${text}\n`);
  }

  /** The result, for a script (`--json`): one JSON value on one line. */
  data(value: Json): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Something to know that is no result. */
  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** An error: code, message, where in the definition, and what to do. */
  error(thrown: unknown): SluiceError {
    const error = toSluiceError(thrown);
    const { code, message, details = null, help } = error;
    const stepPath = stepPathOf(error);
    if (this.json) {
      this.data({ error: { code, message, details, stepPath, help: help ?? null } });
      return error;
    }
    const head = `${code}: ${message}`;
    this.note(this.color ? styleText('red', head) : head);
    if (stepPath !== null) this.note(`  at ${stepPath}`);
    if (details !== null && code !== 'DEFINITION_INVALID') this.note(`  details: ${JSON.stringify(details)}`);
    if (help !== undefined) this.note(`  ${help}`);
    return error;
  }
}

/** Where a run failed; null for an error that is not a run's own failure. Without Temporal's SDK: see context.ts. */
function stepPathOf({ cause }: SluiceError): string | null {
  if (!(cause instanceof Error) || cause.name !== 'ApplicationFailure' || !('details' in cause)) return null;
  const [details] = Array.isArray(cause.details) ? (cause.details as readonly unknown[]) : [];
  return RunError.safeParse(details).data?.stepPath ?? null;
}
