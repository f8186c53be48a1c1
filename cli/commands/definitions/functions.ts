import { FUNCTIONS } from '../../../expressions/index.js';
import type { Terminal } from '../../terminal/terminal.js';

/** `sluice functions`: lists the functions that an expression may call, each with an example. */
export function functionsCommand(terminal: Terminal): void {
  terminal.data(
    FUNCTIONS.map(({ name, kind, signature, description }) => ({ name, kind, signature, description })),
  );
  const width = Math.max(...FUNCTIONS.map(({ signature }) => signature.length));
  for (const { signature, description, example } of FUNCTIONS) {
    terminal.print(`${signature.padEnd(width)}  ${description}`);
    terminal.print(`${' '.repeat(width)}  ${example.source}  →  ${JSON.stringify(example.result)}`);
  }
}
