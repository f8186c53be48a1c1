/** Exit codes of `sluice`. `sluice --help` and docs/cli.md show this table. */
import type { SluiceError } from '../../contracts/errors.js';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unavailable: 3,
  interrupted: 130,
} as const;

/** What each code means, in the order of the documentation. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'success; a run that was followed succeeded',
  failed: 'refused or failed: an invalid document, a conflict, a run that did not succeed',
  usage: 'invalid command line: an unknown command or option, a missing file, input that is not JSON',
  unavailable: 'a dependency is unavailable: Temporal, a worker, the database, a valid configuration',
  interrupted: 'Ctrl-C; a run that was followed continues',
};

const UNAVAILABLE = new Set([
  'TEMPORAL_UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'TEMPORAL_NAMESPACE_NOT_FOUND',
  'TEMPORAL_SERVER_NOT_FOUND',
  'SEARCH_ATTRIBUTE_MISSING',
  'WORKER_NOT_FOUND',
  'CONFIG_INVALID',
  'API_UNAVAILABLE',
  'READS_NOT_CONFIGURED',
  'BRIDGE_UNAVAILABLE',
  'REDIS_UNAVAILABLE',
  'REDIS_REFUSED',
  'DATABASE_UNAVAILABLE',
  'DATABASE_LOCKED',
  'DATABASE_AUTH',
]);

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: SluiceError): number {
  if (error.code === 'INPUT_INVALID' || error.code === 'USAGE_INVALID') return EXIT.usage;
  return UNAVAILABLE.has(error.code) ? EXIT.unavailable : EXIT.failed;
}

/** The table as `sluice --help` shows it. */
export function exitCodesHelp(): string {
  const rows = (Object.keys(EXIT) as (keyof typeof EXIT)[]).map(
    (name) => `  ${String(EXIT[name]).padEnd(5)}${EXIT_MEANINGS[name]}`,
  );
  return `\nExit codes:\n${rows.join('\n')}`;
}
