/**
 * The unit of work: every write of this room is a list of labelled statements, sent as one request `BEGIN …
 * COMMIT`.
 *
 * Invariants
 * - All statements take effect, or none does.
 * - A failure names the statement that failed and the database's own reason, never the engine's "not
 *   executed due to a failed transaction".
 * - A transaction that lost a write conflict is sent again, a bounded number of times, with jittered
 *   backoff.
 *
 * How it could break: in this engine a `RETURN` anywhere in a statement ends the whole transaction
 * *successfully* and skips what follows. This room's own statements have none, foreign ones are refused
 * (domain-statements.ts), and the number of answers is checked, so that a mistake is loud.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../contracts/errors.js';
import { missingKeyIn } from '../values/value-seal.js';
import type { Answer, Database, Variables } from './connection.js';
import { isConflict } from './failures.js';

/**
 * Where a test can make a commit fail: `before:LABEL` and `after:LABEL` of each statement and
 * `before-commit` roll back; `after-commit` loses the acknowledgement of a commit that took place.
 */
export type FaultPoint = `before:${string}` | `after:${string}` | 'before-commit' | 'after-commit';

/** Asked at each point of each commit; true makes it fail there. */
export type Faults = (point: FaultPoint) => boolean;

export interface Statement {
  readonly label: string;
  /** One statement, without a semicolon at the end and without a RETURN statement. */
  readonly text: string;
}

/** Attempts at one transaction before a write conflict becomes an error. */
const MOST_TRIES = 30;
const LONGEST_DELAY_MS = 100;

/** A refusal that a statement of this room throws on purpose: `THROW 'sluice:CODE:…'`. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly code: string,
    readonly label: string,
    readonly detail: string,
  ) {
    super(`${label}: ${code} ${detail}`);
  }
}

/**
 * Sends the statements as one transaction.
 * @param variables bound by name in every statement
 * @returns each statement's value, by label
 * @throws Refusal where a statement throws one; SluiceError DATABASE_FAILED with the label and the reason,
 *   DATABASE_UNAVAILABLE; KEY_UNKNOWN after a commit whose answer holds a value of a missing key
 */
export async function commit(
  database: Database,
  statements: readonly Statement[],
  variables: Variables = {},
  faults?: Faults,
): Promise<ReadonlyMap<string, unknown>> {
  const { text, labels } = compose(statements, faults);
  for (let tries = 1; ; tries++) {
    const answers = await database.transact(text, variables);
    const failure = findFailure(answers, labels);
    if (failure === undefined) {
      if (answers.length !== labels.length) {
        throw new SluiceError(
          'INTERNAL',
          `A statement ended its transaction early: ${answers.length} of ${labels.length} answers came (${labels.join(', ')})`,
        );
      }
      if (faults?.('after-commit') === true) throw injected('after-commit');
      const missing = missingKeyIn(answers.map((answer) => (answer.ok ? answer.value : undefined)));
      if (missing !== undefined) throw new SluiceError('KEY_UNKNOWN', missing);
      return new Map(
        answers.flatMap((answer, i) => (answer.ok ? [[labels[i] ?? '', answer.value] as const] : [])),
      );
    }
    if (!isConflict(failure.reason)) throw failed(failure);
    if (tries >= MOST_TRIES) {
      throw new SluiceError(
        'DATABASE_FAILED',
        `${failure.label}: ${failure.reason} (${tries} tries of ${listLabels(labels.slice(1, -1))})`,
        { details: { statement: failure.label, tries } },
      );
    }
    const ceiling = Math.min(LONGEST_DELAY_MS, 2 ** tries);
    await sleep(ceiling * (0.25 + 0.75 * Math.random()));
  }
}

/** Labels that a message names; a migration has hundreds. */
const NAMED_LABELS = 12;

function listLabels(labels: readonly string[]): string {
  const shown = labels.slice(0, NAMED_LABELS).join(', ');
  return labels.length > NAMED_LABELS ? `${shown} and ${labels.length - NAMED_LABELS} more` : shown;
}

function compose(
  statements: readonly Statement[],
  faults: Faults | undefined,
): { readonly text: string; readonly labels: readonly string[] } {
  const lines = ['BEGIN'];
  const labels = ['BEGIN'];
  const add = (label: string, line: string) => {
    labels.push(label);
    lines.push(line);
  };
  const fault = (point: FaultPoint) => {
    if (faults?.(point) === true) add(point, `THROW 'sluice:FAULT:${point.replaceAll("'", '')}'`);
  };
  for (const { label, text } of statements) {
    fault(`before:${label}`);
    add(label, text);
    fault(`after:${label}`);
  }
  fault('before-commit');
  add('COMMIT', 'COMMIT');
  return { text: lines.join(';\n'), labels };
}

interface Failure {
  readonly label: string;
  readonly reason: string;
}

/** The statement at fault, not those that only did not run because of it. */
function findFailure(answers: readonly Answer[], labels: readonly string[]): Failure | undefined {
  let fallback: Failure | undefined;
  let culprit: Failure | undefined;
  for (const [i, answer] of answers.entries()) {
    if (answer.ok) continue;
    const failure = { label: labels[i] ?? 'COMMIT', reason: answer.reason };
    if (isConflict(answer.reason)) return failure;
    fallback ??= failure;
    if (!/not executed due to a (failed|cancelled) transaction/i.test(answer.reason)) culprit ??= failure;
  }
  return culprit ?? fallback;
}

function failed({ label, reason }: Failure): Error {
  const [, code, detail] = /sluice:([A-Z_]+):?([\s\S]*)$/.exec(reason) ?? [];
  if (code === 'FAULT') return injected(label);
  if (code !== undefined) return new Refusal(code, label, detail ?? '');
  return new SluiceError('DATABASE_FAILED', `${label}: ${reason}`, { details: { statement: label, reason } });
}

function injected(point: string): SluiceError {
  return new SluiceError('DATABASE_FAILED', `A fault was injected at ${point}`, { details: { point } });
}
