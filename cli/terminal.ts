/** Where a command writes: results to standard output, everything else to standard error. */
import { styleText } from 'node:util';
import { runErrorOf } from '../client/index.js';
import { toSluiceError, type SluiceError } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';
import type { Environment } from '../worker/config.js';

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
    const stepPath = runErrorOf(error)?.stepPath ?? null;
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
