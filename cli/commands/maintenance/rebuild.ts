import type { Client } from '@temporalio/client';
import { SluiceError, toSluiceError } from '../../../contracts/errors.js';
import type { Projections, RowDifference } from '../../../projections/index.js';
import { listWorkflows, readRunEvents, taskQueuesOf } from '../../../worker/temporal/run-history.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';

/** Number of runs between two lines of progress. */
const PROGRESS_RUNS = 100;

export interface RebuildOptions {
  /** Undefined: all tenants, or `default` if ids are given. */
  readonly tenant: string | undefined;
  /** Run ids, or workflow ids with --from-temporal. Empty: all. */
  readonly ids: readonly string[];
}

interface Task {
  readonly name: string;
  readonly tenant: string;
  readonly runId: string;
  readonly rebuild: () => Promise<readonly RowDifference[]>;
}

/** `sluice rebuild`: recomputes the derived rows of runs from their logs. */
export async function rebuildFromLogCommand(
  terminal: Terminal,
  { maintenance }: Projections,
  { tenant, ids }: RebuildOptions,
): Promise<number> {
  const given = ids.map((runId) => ({ tenant: tenant ?? 'default', runId }));
  const runs =
    ids.length > 0
      ? given
      : (await maintenance.loggedRuns()).filter((run) => tenant === undefined || run.tenant === tenant);
  async function* tasks(): AsyncGenerator<Task> {
    for (const run of runs) {
      yield await Promise.resolve({
        ...run,
        name: run.runId,
        rebuild: () => maintenance.rebuildRun(run.tenant, run.runId),
      });
    }
  }
  return await rebuildAll(terminal, tasks());
}

/**
 * `sluice rebuild --from-temporal`: restores logs and derived rows from the activity inputs in the history.
 *
 * Invariant: it takes the runs of one task queue. A namespace can hold several Sluices, each with a separate
 * database. It says what it leaves. Rows that are there stay, also those of runs that Temporal has forgotten;
 * it says how many these are.
 */
export async function rebuildFromTemporalCommand(
  terminal: Terminal,
  { maintenance }: Projections,
  client: Client,
  { tenant, ids, taskQueue }: RebuildOptions & { readonly taskQueue: string },
): Promise<number> {
  const listed = ids.length > 0 ? { ids, left: {} } : await listWorkflows(client, tenant, taskQueue);
  for (const [queue, workflows] of Object.entries(listed.left)) {
    terminal.data({ left: { taskQueue: queue, workflows } });
    terminal.print(`Left ${workflows} workflows of task queue ${queue}: this rebuild is for ${taskQueue}.`);
  }
  const seen = new Set<string>();
  async function* tasks(): AsyncGenerator<Task> {
    for (const workflowId of listed.ids) {
      let found = 0;
      try {
        for (const [runId, carried] of await readRunEvents(client, workflowId, taskQueue)) {
          const owner = carried[0]?.execution.run.tenant ?? '';
          if (tenant !== undefined && owner !== tenant) continue;
          found += 1;
          seen.add(JSON.stringify([owner, runId]));
          yield { name: workflowId, tenant: owner, runId, rebuild: () => maintenance.restoreRun(carried) };
        }
        // A listed workflow may not have committed anything yet; one that was asked for must have a run.
        if (found === 0 && ids.length > 0) {
          const queues = await taskQueuesOf(client, workflowId);
          const others = queues.filter((queue) => queue !== taskQueue);
          throw noRun(workflowId, tenant, others);
        }
      } catch (error) {
        yield failedTask(workflowId, tenant, error);
      }
    }
    if (ids.length > 0) return;
    const kept = (await maintenance.loggedRuns()).filter(
      (run) => (tenant ?? run.tenant) === run.tenant && !seen.has(JSON.stringify([run.tenant, run.runId])),
    ).length;
    if (kept === 0) return;
    terminal.data({ kept: { runs: kept } });
    terminal.print(`Kept ${kept} runs as they are: Temporal has no history of them.`);
  }
  return await rebuildAll(terminal, tasks());
}

function noRun(workflowId: string, tenant: string | undefined, queues: readonly string[]): SluiceError {
  const whose = tenant === undefined ? '' : ` of tenant "${tenant}"`;
  const elsewhere =
    queues.length === 0 ? '' : ` on this task queue; it is of ${queues.join(', ')}: set SLUICE_TASK_QUEUE`;
  return new SluiceError(
    'WORKFLOW_NOT_FOUND',
    `Temporal has no history of a run${whose} with the workflow id ${workflowId}${elsewhere}`,
  );
}

/** A history that could not be read counts as a failed run. */
function failedTask(workflowId: string, tenant = '', error: unknown): Task {
  return { name: workflowId, tenant, runId: '', rebuild: () => Promise.reject(toSluiceError(error)) };
}

/** Rebuilds every run; a failure does not stop the others. */
async function rebuildAll(terminal: Terminal, tasks: AsyncIterable<Task>): Promise<number> {
  const counts = { runs: 0, changed: 0, failed: 0 };
  for await (const { name, tenant, runId, rebuild } of tasks) {
    counts.runs += 1;
    try {
      const different = await rebuild();
      const rows = different.map(({ table, key }) => ({ table, key }));
      if (rows.length > 0) {
        counts.changed += 1;
        terminal.data({ tenant, runId, rows });
        terminal.print(`${name}  ${rows.length} rows differed: ${tablesOf(different)}`);
      }
    } catch (thrown) {
      counts.failed += 1;
      const { code, message } = toSluiceError(thrown);
      terminal.data({ tenant, runId, error: { code, message } });
      terminal.print(`${name}  ${code}: ${message}`);
    }
    if (counts.runs % PROGRESS_RUNS === 0) terminal.note(`${counts.runs} runs…`);
  }
  terminal.data({ ...counts });
  terminal.print(`${counts.runs} runs checked, ${counts.changed} changed, ${counts.failed} failed.`);
  return counts.failed === 0 ? EXIT.ok : EXIT.failed;
}

function tablesOf(different: readonly RowDifference[]): string {
  return [...new Set(different.map(({ table }) => table))].join(', ');
}
