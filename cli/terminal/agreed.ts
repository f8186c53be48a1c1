import { createInterface } from 'node:readline/promises';
import { SluiceError } from '../../contracts/errors.js';
import type { Terminal } from './terminal.js';

/** Asks a person; only `y` or `yes` agrees. @throws SluiceError USAGE_INVALID without a terminal */
export async function agreed({ json }: Terminal, question: string): Promise<boolean> {
  if (json || process.stdin.isTTY !== true) {
    throw new SluiceError(
      'USAGE_INVALID',
      'There is no terminal to ask on: look with --dry-run, then pass --yes. Nothing was done.',
    );
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await prompt.question(question)).trim());
  } finally {
    prompt.close();
  }
}
