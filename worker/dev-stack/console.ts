/**
 * The output of `npm start`: a line for each service that is ready; plain where it is not a terminal. No
 * control character of data passes (contracts/reading/printable.ts).
 */
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

  readonly print = (text = ''): void => this.printStyled(printable(text, { keepLines: true }));

  /** As `print`, for a text with colours: the caller passes data through `printable` first. */
  readonly printStyled = (text: string): void => {
    this.status?.('');
    this.out.write(`${text}\n`);
  };

  heading(text: string): void {
    const shown = printable(text);
    this.print();
    this.printStyled(this.color ? styleText('bold', shown) : shown);
  }

  /** Reports a service that is ready, with the time since the start. */
  ready(what: string, where: string): void {
    const seconds = ((Date.now() - this.#started) / 1000).toFixed(2).padStart(8);
    const mark = this.color ? styleText('green', '✔') : '✔';
    this.printStyled(`${seconds} s  ${mark} ${printable(`${what.padEnd(28)} ${where}`)}`);
  }

  failed({ code, message, help }: SluiceError): void {
    const head = printable(`${code}: ${message}`, { keepLines: true });
    this.print();
    this.printStyled(this.color ? styleText('red', head) : head);
    if (help !== undefined) this.print(`  ${help}`);
  }
}
