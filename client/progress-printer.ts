/**
 * Prints a run's progress for a person: elapsed time, a mark, the step, what happened. The command line and
 * `npm start` share it.
 */
import { styleText } from 'node:util';
import { printable } from '../contracts/reading/printable.js';
import type { ProgressLine } from '../contracts/run/messages.js';

/**
 * A step that ends within this time gets one line, at its end; a longer step gets a line at its start too.
 */
const SHOW_START_AFTER_MS = 500;

/** Columns of the step's name and of the elapsed seconds. */
const SUBJECT_WIDTH = 28;
const SECONDS_WIDTH = 8;

type Tone = 'green' | 'red' | 'yellow' | 'cyan' | 'gray';

export interface ProgressPrinterOptions {
  /** Takes each line, without its line end. */
  readonly write: (line: string) => void;
  readonly color: boolean;
}

/** Prints the lines of one run. Add them in order; call `end` after the last. */
export class ProgressPrinter {
  #startedAt: number | undefined;
  readonly #starts = new Map<string, { readonly timer: NodeJS.Timeout; readonly detail: string | null }>();

  constructor(private readonly options: ProgressPrinterOptions) {}

  /** Adds one event of the run. */
  add(line: ProgressLine): void {
    this.#startedAt ??= Date.parse(line.at);
    const step = `${line.stepPath} ${line.iteration.join('.')} ${line.attempt}`;
    if (line.type === 'STEP_STARTED') {
      // A block begins with its first step, which has its own line.
      if (line.detail?.startsWith('control.') === true) return;
      const timer = setTimeout(() => this.#print(line), SHOW_START_AFTER_MS);
      this.#starts.set(step, { timer, detail: line.detail });
      return;
    }
    if (!line.type.startsWith('STEP_') && line.type !== 'WAIT_OPENED') {
      this.#print(line);
      return;
    }
    const started = this.#starts.get(step);
    this.#forget(step);
    const detail = line.type === 'STEP_SUCCEEDED' ? (started?.detail ?? line.detail) : line.detail;
    this.#print({ ...line, detail });
  }

  /** Prints nothing more. */
  end(): void {
    for (const step of [...this.#starts.keys()]) this.#forget(step);
  }

  #forget(step: string): void {
    clearTimeout(this.#starts.get(step)?.timer);
    this.#starts.delete(step);
  }

  #print(line: ProgressLine): void {
    const looks = LOOKS[line.type];
    if (looks === undefined) return;
    const seconds = ((Date.parse(line.at) - (this.#startedAt ?? 0)) / 1000).toFixed(2);
    const subject = line.stepId === null ? 'run' : stepName(line);
    const word = line.type === 'STEP_SUCCEEDED' && line.detail !== null ? '' : looks.word;
    const what = [word, line.detail].filter((part) => part !== '' && part !== null).join(' ');
    const text = printable(`${looks.mark} ${subject.padEnd(SUBJECT_WIDTH)} ${what}`.trimEnd());
    const shown = this.options.color ? styleText(looks.tone, text) : text;
    this.options.write(`${seconds.padStart(SECONDS_WIDTH)} s  ${shown}`);
  }
}

/** How each event type looks; a type that is missing here is not printed. */
const LOOKS: Readonly<Record<string, { mark: string; word: string; tone: Tone } | undefined>> = {
  RUN_STARTED: { mark: '▶', word: 'started', tone: 'cyan' },
  RUN_CONTINUED: { mark: '▶', word: 'continued as new:', tone: 'gray' },
  RUN_REWOUND: { mark: '↺', word: 'rewound to', tone: 'yellow' },
  RUN_CANCEL_REQUESTED: { mark: '■', word: 'cancellation requested', tone: 'yellow' },
  RUN_SUCCEEDED: { mark: '✔', word: 'SUCCEEDED', tone: 'green' },
  RUN_FAILED: { mark: '✘', word: 'FAILED', tone: 'red' },
  RUN_CANCELED: { mark: '■', word: 'CANCELED', tone: 'yellow' },
  STATE_SET: { mark: '●', word: 'state', tone: 'cyan' },
  STEP_STARTED: { mark: '…', word: 'running', tone: 'gray' },
  STEP_SUCCEEDED: { mark: '✔', word: 'done', tone: 'green' },
  STEP_FAILED: { mark: '✘', word: 'failed', tone: 'red' },
  STEP_RETRYING: { mark: '↻', word: 'will be tried again after', tone: 'yellow' },
  STEP_SKIPPED: { mark: '–', word: 'skipped', tone: 'gray' },
  STEP_CANCELED: { mark: '■', word: 'cancelled', tone: 'yellow' },
  WAIT_OPENED: { mark: '…', word: 'waits for', tone: 'yellow' },
  WAIT_TIMED_OUT: { mark: '✘', word: 'nothing came in time', tone: 'yellow' },
  CHILD_STARTED: { mark: '▶', word: 'child', tone: 'gray' },
  EVENT_DROPPED: { mark: '!', word: 'event not kept:', tone: 'yellow' },
  SIGNAL_REJECTED: { mark: '!', word: 'signal ignored:', tone: 'yellow' },
};

function stepName({ stepId, iteration, attempt }: ProgressLine): string {
  const indexes = iteration.map((index) => `[${index}]`).join('');
  return `${stepId ?? ''}${indexes}${attempt > 1 ? ` (attempt ${attempt})` : ''}`;
}
