/**
 * One log for a process: JSON lines by pino, Temporal's own messages among them.
 *
 * Invariants
 * - Fields whose names denote credentials are censored, down to four levels. Values of secrets never get
 *   here: actions log through their own redactor.
 * - No line holds a control character of data. JSON escapes some of them, this log all.
 */
import type { LogLevel, LogMetadata, RuntimeOptions } from '@temporalio/worker';
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { SluiceError } from '../../contracts/errors.js';
import { printable } from '../../contracts/reading/printable.js';
import type { UnreadableRow } from '../../projections/index.js';
import type { SluiceConfig } from '../config/config.js';

const CREDENTIALS = [
  'apiKey',
  'api_key',
  'authorization',
  'Authorization',
  'cookie',
  'password',
  'secret',
  'token',
  'clientKey',
];
const DEPTH = 4;

/** Paths of pino's redaction: each name at each depth. */
const CENSORED = Array.from({ length: DEPTH }, (_, depth) =>
  CREDENTIALS.map((name) => `${'*.'.repeat(depth)}${name}`),
).flat();

/**
 * Makes the log.
 * @param destination default: standard output
 */
export function createLogger(level: SluiceConfig['logLevel'], destination?: DestinationStream): Logger {
  const options = {
    level,
    base: {},
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: CENSORED, censor: '[redacted]' },
    serializers: { error: describeError, err: describeError },
    hooks: { streamWrite: (lines: string) => printable(lines, { keepLines: true }) },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = error instanceof SluiceError ? { code: error.code, help: error.help } : {};
  return { name: error.name, message: error.message, ...code, stack: error.stack };
}

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/**
 * Options of Temporal's Runtime that send its messages, including those of its native part, to this log. The
 * Runtime handles no signals: the process that owns the worker shuts it down.
 * @param metricsAddress `host:port` at which the metrics of the SDK and of Sluice are served; absent: they
 *   are not
 */
export function temporalRuntimeOptions(log: Logger, metricsAddress?: string): RuntimeOptions {
  const write = (level: LogLevel, message: string, meta: LogMetadata = {}): void => {
    log[LEVELS[level]]({ ...meta }, message);
  };
  return {
    logger: {
      log: write,
      trace: (message, meta) => write('TRACE', message, meta),
      debug: (message, meta) => write('DEBUG', message, meta),
      info: (message, meta) => write('INFO', message, meta),
      warn: (message, meta) => write('WARN', message, meta),
      error: (message, meta) => write('ERROR', message, meta),
    },
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
      ...(metricsAddress !== undefined && {
        metrics: {
          prometheus: {
            bindAddress: metricsAddress,
            countersTotalSuffix: true,
            useSecondsForDurations: true,
          },
        },
      }),
    },
    shutdownSignals: [],
  };
}

/** One line for each row that the process cannot read. */
export function logUnreadable(log: Pick<Logger, 'error'>): (row: UnreadableRow) => void {
  return ({ id, reason }) =>
    log.error({ row: id, reason }, 'A row cannot be read; it is left as it is, and everything else goes on');
}
