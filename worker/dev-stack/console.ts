/** The output of `npm start`: a line for each service that is ready; plain where it is not a terminal. */
import { styleText } from 'node:util';
import type { SluiceError } from '../../contracts/errors.js';
import { printable } from '../../contracts/reading/printable.js';
import type { Environment } from '../config/config.js';
import { terminalStatus } from '../executables/progress.js';

export class Console {
  readonly color: boolean;
  /** Shows a line that the next output replaces; undefined: the output is not a terminal. */
  readonly status: ((line: string) => void) | undefined;
  readonly #started = Date.now();

  constructor(
    private readonly out: NodeJS.WriteStream,
    env: Environment,
  ) {
    this.color = out.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
    this.status = terminalStatus(out, env);
  }

  readonly print = (line = ''): void => {
    this.status?.('');
    this.out.write(`${line}\n`);
  };

  heading(text: string): void {
    this.print();
    this.print(this.color ? styleText('bold', text) : text);
  }

  /** Reports a service that is ready, with the time since the start. */
  ready(what: string, where: string): void {
    const seconds = ((Date.now() - this.#started) / 1000).toFixed(2).padStart(8);
    const mark = this.color ? styleText('green', '✔') : '✔';
    this.print(`${seconds} s  ${mark} ${what.padEnd(28)} ${where}`);
  }

  failed({ code, message, help }: SluiceError): void {
    const head = printable(`${code}: ${message}`, { keepLines: true });
    this.print();
    this.print(this.color ? styleText('red', head) : head);
    if (help !== undefined) this.print(`  ${help}`);
  }
}
