/** `sluice runs cancel|terminate|rerun|rewind|signal|export|verify|bulk …`: acts on runs. */
import { writeFile } from 'node:fs/promises';
import {
  refuseLegacy,
  verifyBundle,
  type BulkAction,
  type BulkItem,
  type LegacyAction,
  type SluiceClient,
  type StepPlace,
} from '../../../client/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import type { Json } from '../../../contracts/json.js';
import { faultText } from '../../../contracts/reading/json-faults.js';
import { parseJson, type ParsedJson } from '../../../contracts/reading/parse-json.js';
import { placeLabel } from '../../../contracts/run/place.js';
import { EXIT } from '../../terminal/exit-codes.js';
import { readInputFile } from '../../terminal/input.js';
import type { Terminal } from '../../terminal/terminal.js';
import { filterOf, type RunSelection } from './runs-show.js';

/** `sluice runs cancel|terminate ID`. */
export async function stopCommand(
  { runs }: SluiceClient,
  terminal: Terminal,
  runId: string,
  { act, reason }: { readonly act: 'cancel' | 'terminate'; readonly reason: string | undefined },
): Promise<number> {
  const stopped = await runs[act](runId, { reason });
  terminal.data({ ...stopped, act, accepted: true });
  terminal.print(
    act === 'cancel'
      ? `${stopped.workflowId}: Temporal accepted the request; the run cleans up and ends CANCELED`
      : `${stopped.workflowId} is terminated`,
  );
  return EXIT.ok;
}

export interface RerunFlags {
  readonly payload?: Json;
  readonly workflowId?: string;
  readonly whileOpen?: boolean;
}

/** `sluice runs rerun ID`. */
export async function rerunCommand(
  { runs }: SluiceClient,
  terminal: Terminal,
  runId: string,
  options: RerunFlags,
): Promise<number> {
  const started = await runs.rerun(runId, options);
  terminal.data({ ...started, rerunOf: { ...started.rerunOf } });
  terminal.print(`${started.runId}  ${started.workflowId}`);
  return EXIT.ok;
}

/** `sluice runs rewind ID STEP`. */
export async function rewindCommand(
  { runs }: SluiceClient,
  terminal: Terminal,
  runId: string,
  options: {
    readonly stepPath: string;
    readonly iteration?: readonly number[];
    readonly reason?: string;
    readonly operationId?: string;
  },
): Promise<number> {
  const rewound = await runs.rewind(runId, options);
  terminal.data({ ...rewound, iteration: [...rewound.iteration] });
  const place = placeLabel(rewound.stepPath, rewound.iteration);
  terminal.print(`${rewound.workflowId} continues from ${place} as execution ${rewound.executionId}`);
  return EXIT.ok;
}

/** `sluice runs signal ID EVENT`. */
export async function signalCommand(
  { runs }: SluiceClient,
  terminal: Terminal,
  runId: string,
  {
    eventName,
    payload,
    key,
    id,
    source,
    human,
  }: {
    readonly eventName: string;
    readonly payload: Json;
    readonly key?: string;
    readonly id?: string;
    readonly source?: string;
    readonly human?: boolean;
  },
): Promise<number> {
  await runs.signal(
    runId,
    {
      eventName,
      payload,
      ...(key !== undefined && { correlationKey: key }),
      ...(id !== undefined && { eventId: id }),
      ...(source !== undefined && { source }),
    },
    human === true ? { signalName: 'humanTask' } : {},
  );
  terminal.data({ runId, eventName, sent: true });
  terminal.print(`${eventName} was sent; the run decides whether a wait accepts it`);
  return EXIT.ok;
}

/** `sluice runs export ID`. */
export async function exportCommand(
  { runs }: SluiceClient,
  terminal: Terminal,
  runId: string,
  { out, unredacted }: { readonly out?: string; readonly unredacted?: boolean },
): Promise<number> {
  const bundle = await runs.export(runId, { unredacted });
  const value = JSON.parse(JSON.stringify(bundle)) as Json;
  if (out === undefined) {
    terminal.data(value);
    terminal.print(JSON.stringify(value, null, 2));
    return EXIT.ok;
  }
  await writeFile(out, `${JSON.stringify(value, null, 2)}\n`);
  terminal.data({ file: out, digest: bundle.digest });
  terminal.print(`${out}  sha-256 ${bundle.digest}`);
  return EXIT.ok;
}

/** `sluice runs verify FILE`: checks that a bundle is unchanged since its export. */
export async function verifyCommand(terminal: Terminal, file: string): Promise<number> {
  const text = await readInputFile(file);
  let parsed: ParsedJson;
  try {
    parsed = parseJson(text);
  } catch (error) {
    throw new SluiceError('BUNDLE_INVALID', `${file} is not JSON`, { cause: error });
  }
  // The digest is of the last of two values, while a person may read the first.
  const [twice] = parsed.duplicates;
  if (twice !== undefined) throw new SluiceError('BUNDLE_INVALID', `${file}: ${faultText(twice)}`);
  const { run, digest, redacted } = verifyBundle(parsed.value);
  terminal.data({ file, runId: run.runId, digest, redacted });
  terminal.print(`${file} is unchanged since its export: run ${run.runId}, sha-256 ${digest}`);
  return EXIT.ok;
}

/** `sluice runs resume|retry|requeue-event-wait ID`: refuses without connecting to anything. */
export function refuseLegacyCommand(action: LegacyAction, runId: string): never {
  return refuseLegacy(action, runId);
}

export interface BulkFlags extends RunSelection {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly concurrency?: number;
  readonly limit?: number;
  readonly reason?: string;
  readonly operationId?: string;
  readonly whileOpen?: boolean;
  readonly step?: string;
  readonly rerunToo?: boolean;
}

/** What a command says before it repeats effects. */
const REPEATS: Partial<Record<BulkAction, string>> = {
  rerun:
    'A re-run does every step again: what these runs have charged, sent or booked is charged, sent and booked twice. `sluice runs bulk rewind` goes back to the step that failed.',
  rewind:
    'A rewind does the step that failed and all that began after it again. `--dry-run` names the effects.',
};

/**
 * `sluice runs bulk cancel|terminate|rerun|rewind`: prints a line for each run, then a summary.
 * @returns 1 if a run failed or its outcome is unknown; 130 if the user interrupted
 */
export async function bulkCommand(
  { runs }: SluiceClient,
  terminal: Terminal,
  action: BulkAction,
  {
    all,
    dryRun,
    concurrency,
    limit,
    reason,
    operationId,
    whileOpen,
    step,
    rerunToo,
    ...selection
  }: BulkFlags,
): Promise<number> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  const counts: Record<BulkItem['outcome'], number> = {
    done: 0,
    would: 0,
    skipped: 0,
    unknown: 0,
    failed: 0,
  };
  const warning = REPEATS[action];
  if (warning !== undefined && !terminal.json) terminal.note(warning);
  process.once('SIGINT', interrupt);
  try {
    const options = {
      all,
      dryRun,
      concurrency,
      limit,
      reason,
      operationId,
      whileOpen,
      stepPath: step,
      rerunToo,
      signal: interrupted.signal,
    };
    for await (const item of runs.bulk(action, filterOf(selection) ?? {}, options)) {
      counts[item.outcome]++;
      terminal.data(JSON.parse(JSON.stringify(item)) as Json);
      const why = item.error === undefined ? '' : `  ${item.error.code}: ${item.error.message}`;
      const started = item.started === undefined ? '' : `  → ${item.started.runId}`;
      const back = item.step === undefined ? '' : `  from ${placeOf(item.step)}`;
      terminal.print(`${item.outcome.padEnd(7)} ${item.runId}  ${item.workflowId}${back}${started}${why}`);
      for (const line of repeatLines(item)) terminal.print(line);
    }
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
  const outcomes = Object.entries(counts).filter(([, count]) => count > 0);
  terminal.note(
    outcomes.length === 0 ? 'No run matches.' : outcomes.map(([outcome, n]) => `${n} ${outcome}`).join(', '),
  );
  if (interrupted.signal.aborted) return EXIT.interrupted;
  return counts.failed + counts.unknown > 0 ? EXIT.failed : EXIT.ok;
}

const placeOf = ({ stepPath, iteration }: StepPlace) => placeLabel(stepPath, iteration);

/** A line for each effect that would be done again. */
function repeatLines({ repeats }: BulkItem): readonly string[] {
  if (repeats === undefined) return [];
  const { effects, moreEffects } = repeats;
  if (effects.length === 0) return ['          repeats no action that the ledger knows'];
  return [
    ...effects.map(({ action, status, ...place }) => {
      const again = status === 'SUCCEEDED' ? 'repeats' : `may repeat (${status})`;
      return `          ${again} ${action} at ${placeOf(place)}`;
    }),
    ...(moreEffects === 0 ? [] : [`          and ${moreEffects} more`]),
  ];
}
