/**
 * Questions on a terminal.
 *
 * Invariant: nothing is asked where no person can answer: without a terminal, and with `--json`. Who leaves a
 * question has sent nothing.
 */
import type { Readable, Writable } from 'node:stream';
import { SluiceError } from '../../contracts/errors.js';

/** Where questions are put. */
export interface AskStreams {
  readonly input: Readable;
  readonly output: Writable;
}

/** Checks a text. @returns what is wrong with it */
export type CheckText = (text: string) => string | undefined;

/** Asks a person. */
export interface Asker {
  /** A line of text; `secret`: it is not echoed. */
  text(question: string, check: CheckText, secret?: boolean): Promise<string>;
  /** One of several. */
  choose(question: string, choices: readonly string[]): Promise<string>;
  /** Yes or no. */
  confirm(question: string): Promise<boolean>;
}

/** @param streams default: those of the process */
export async function createAsker(streams?: AskStreams): Promise<Asker> {
  const prompts = await import('@clack/prompts');
  const given = async <T>(asked: Promise<T>): Promise<Exclude<T, symbol>> => {
    const answer = await asked;
    if (typeof answer !== 'symbol') return answer as Exclude<T, symbol>;
    throw new SluiceError('INPUT_INVALID', 'The questions were left: nothing was sent');
  };
  return {
    async text(message, check, secret = false) {
      const validate = (text: string | undefined): string | undefined => check(text ?? '');
      const ask = secret ? prompts.password : prompts.text;
      // The value of an empty line is undefined.
      return (await given(ask({ message, validate, ...streams }))) ?? '';
    },
    async choose(message, choices) {
      const options = choices.map((value) => ({ value, label: value }));
      return await given(prompts.select({ message, options, ...streams }));
    },
    async confirm(message) {
      return await given(prompts.confirm({ message, ...streams }));
    },
  };
}
