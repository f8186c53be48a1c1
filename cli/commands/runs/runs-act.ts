/** `sluice runs cancel|terminate|rerun|rewind|signal|export|bulk …`: what is done about runs. */
import { writeFile } from 'node:fs/promises';
import {
  refuseLegacy,
  verifyBundle,
  type BulkAction,
  type BulkItem,
  type LegacyAction,
  type SluiceClient,
} from '../../../client/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import type { Json } from '../../../contracts/json.js';
import { EXIT } from '../../terminal/exit-codes.js';
import { readInputFile } from '../../terminal/input.js';
import type { Terminal } from '../../terminal/terminal.js';
import { filterOf, type RunSelection } from './runs-show.js';

/** `sluice runs cancel|terminate ID`. */
export async function stopRun(
  { runs }: SluiceClient,
  terminal: Terminal,
  act: 'cancel' | 'terminate',
  runId: string,
  { reason }: { readonly reason?: string },
): Promise<number> {
  const stopped = await runs[act](runId, { reason });
  terminal.data({ ...stopped, act, accepted: true });
  terminal.print(
    act === 'cancel'
      ? `${stopped.workflowId}: Temporal has taken the request; the run cleans up and ends CANCELED`
      : `${stopped.workflowId} is terminated`,
  );
  return EXIT.ok;
}

export interface RerunCommand {
  readonly payload?: Json;
  readonly workflowId?: string;
  readonly whileOpen?: boolean;
}

/** `sluice runs rerun ID`. */
export async function rerunRun(
  { runs }: SluiceClient,
  terminal: Terminal,
  runId: string,
  options: RerunCommand,
): Promise<number> {
  const started = await runs.rerun(runId, options);
  terminal.data({ ...started, rerunOf: { ...started.rerunOf } });
  terminal.print(`${started.runId}  ${started.workflowId}`);
  return EXIT.ok;
}

/** `sluice runs rewind ID STEP`. */
export async function rewindRun(
  { runs }: SluiceClient,
  terminal: Terminal,
  runId: string,
  stepPath: string,
  options: { readonly iteration?: readonly number[]; readonly reason?: string },
): Promise<number> {
  const rewound = await runs.rewind(runId, { stepPath, ...options });
  terminal.data({ ...rewound, iteration: [...rewound.iteration] });
  const at = rewound.iteration.length === 0 ? '' : ` [${rewound.iteration.join(', ')}]`;
  terminal.print(
    `${rewound.workflowId} goes on from ${rewound.stepPath}${at}, as execution ${rewound.executionId}`,
  );
  return EXIT.ok;
}

/** `sluice runs signal ID EVENT`. */
export async function signalRun(
  { runs }: SluiceClient,
  terminal: Terminal,
  runId: string,
  eventName: string,
  {
    payload,
    key,
    id,
    source,
    human,
  }: {
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
  terminal.print(`${eventName} was sent; whether a wait takes it is for the run to decide`);
  return EXIT.ok;
}

/** `sluice runs export ID`. */
export async function exportRun(
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

/** `sluice runs verify FILE`: whether a bundle is as it was exported. */
export async function verifyFile(terminal: Terminal, file: string): Promise<number> {
  const text = await readInputFile(file);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SluiceError('BUNDLE_INVALID', `${file} is no JSON`, { cause: error });
  }
  const { run, digest, redacted } = verifyBundle(value);
  terminal.data({ file, runId: run.runId, digest, redacted });
  terminal.print(`${file} is as it was exported: run ${run.runId}, sha-256 ${digest}`);
  return EXIT.ok;
}

/** `sluice runs resume|retry|requeue-event-wait ID`: refused before anything is connected. */
export function refuse(action: LegacyAction, runId: string): never {
  return refuseLegacy(action, runId);
}

export interface BulkCommand extends RunSelection {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly concurrency?: number;
  readonly limit?: number;
  readonly reason?: string;
  readonly operationId?: string;
  readonly whileOpen?: boolean;
}

/**
 * `sluice runs bulk cancel|terminate|rerun`: a line for each run as it is done, and a summary.
 * @returns 1 where a run failed; 130 where the user stopped it
 */
export async function bulkRuns(
  { runs }: SluiceClient,
  terminal: Terminal,
  action: BulkAction,
  { all, dryRun, concurrency, limit, reason, operationId, whileOpen, ...selection }: BulkCommand,
): Promise<number> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  const counts: Record<BulkItem['outcome'], number> = { done: 0, would: 0, skipped: 0, failed: 0 };
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
      signal: interrupted.signal,
    };
    for await (const item of runs.bulk(action, filterOf(selection) ?? {}, options)) {
      counts[item.outcome]++;
      terminal.data(JSON.parse(JSON.stringify(item)) as Json);
      const why = item.error === undefined ? '' : `  ${item.error.code}: ${item.error.message}`;
      const fresh = item.started === undefined ? '' : `  → ${item.started.runId}`;
      terminal.print(`${item.outcome.padEnd(7)} ${item.runId}  ${item.workflowId}${fresh}${why}`);
    }
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
  const told = Object.entries(counts).filter(([, count]) => count > 0);
  terminal.note(
    told.length === 0 ? 'No run fits.' : told.map(([outcome, n]) => `${n} ${outcome}`).join(', '),
  );
  if (interrupted.signal.aborted) return EXIT.interrupted;
  return counts.failed > 0 ? EXIT.failed : EXIT.ok;
}
