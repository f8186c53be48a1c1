/** Exit codes of `sluice`, shown by `sluice --help`. */
import type { SluiceError } from '../contracts/errors.js';

export const EXIT = {
  /** Done; the run that was followed has succeeded. */
  ok: 0,
  /** Refused or failed: an invalid document, a conflict, a run that did not succeed. */
  failed: 1,
  /** The command line is wrong: an unknown option, a file that is not there, input that is no JSON. */
  usage: 2,
  /** Something needed is not there: Temporal, a worker, the database, a valid configuration. */
  unavailable: 3,
  /** Ctrl-C; a run that was followed goes on. */
  interrupted: 130,
} as const;

const UNAVAILABLE = new Set([
  'TEMPORAL_UNAVAILABLE',
  'TEMPORAL_NAMESPACE_NOT_FOUND',
  'WORKER_NOT_FOUND',
  'CONFIG_INVALID',
  'BRIDGE_UNAVAILABLE',
  'REDIS_UNAVAILABLE',
  'DATABASE_UNAVAILABLE',
  'DATABASE_LOCKED',
  'DATABASE_UNAVAILABLE',
  'DATABASE_LOCKED',
  'DATABASE_AUTH',
]);

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: SluiceError): number {
  if (error.code === 'INPUT_INVALID') return EXIT.usage;
  return UNAVAILABLE.has(error.code) ? EXIT.unavailable : EXIT.failed;
}
