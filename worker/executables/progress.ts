import { printable } from '../../contracts/reading/printable.js';
import type { Environment } from '../config/config.js';

/** How often the line of a terminal is updated, ms. */
const TERMINAL_INTERVAL_MS = 1_000;
const CLEAR_LINE = '\r\u001b[2K';
const DEFAULT_COLUMNS = 80;
/** How often a line is logged where the output is not a terminal, ms. */
const LOG_INTERVAL_MS = 15_000;

/** Where progress is shown. */
export interface ProgressOutput {
  readonly log: (line: string) => void;
  /**
   * Shows a line in place of the last one; an empty line removes it. Absent: the output is not a terminal.
   */
  readonly status?: ((line: string) => void) | undefined;
}

/**
 * Runs a slow step and shows its elapsed time: on a terminal one line that is updated every second, elsewhere
 * a new line every 15 s.
 * @param what the step, e.g. `Building the Temporal CLI with Go`
 * @param detail what has been done so far, for the line, e.g. `12 of 40 MB`
 */
export async function withProgress<T>(
  { log, status }: ProgressOutput,
  what: string,
  work: () => Promise<T>,
  detail: () => string = () => '',
): Promise<T> {
  const startedAt = Date.now();
  const show = status ?? log;
  const timer = setInterval(
    () => {
      const seconds = Math.round((Date.now() - startedAt) / 1_000);
      show([`${what} … ${elapsed(seconds)}`, detail()].filter((part) => part !== '').join(', '));
    },
    status === undefined ? LOG_INTERVAL_MS : TERMINAL_INTERVAL_MS,
  );
  try {
    return await work();
  } finally {
    clearInterval(timer);
    status?.('');
  }
}

/** Shows lines in place on a terminal; undefined where the stream is not one. */
export function terminalStatus(
  out: NodeJS.WriteStream,
  env: Environment,
): ((line: string) => void) | undefined {
  if (out.isTTY !== true || env.TERM === 'dumb') return undefined;
  // One column is left free: a full line would wrap, and the next one would not replace it.
  return (line) =>
    void out.write(`${CLEAR_LINE}${printable(line).slice(0, (out.columns ?? DEFAULT_COLUMNS) - 1)}`);
}

function elapsed(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
