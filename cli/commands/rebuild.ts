import type { Client } from '@temporalio/client';
import { toSluiceError } from '../../contracts/errors.js';
import type { Projections, RowDifference } from '../../projections/index.js';
import { listWorkflowIds, readRunEvents } from '../../worker/run-history.js';
import { EXIT } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';

/** Runs between two lines of progress. */
const PROGRESS = 100;

export interface RebuildOptions {
  /** Absent: all tenants; for ids that are named, `default`. */
  readonly tenant: string | undefined;
  /** Run ids, or workflow ids where Temporal's history is read. None: all. */
  readonly ids: readonly string[];
}

interface Task {
  readonly name: string;
  readonly tenant: string;
  readonly runId: string;
  readonly rebuild: () => Promise<readonly RowDifference[]>;
}

/** `sluice rebuild`: the derived rows of runs, from their logs. */
export async function rebuildFromLog(
  terminal: Terminal,
  { maintenance }: Projections,
  { tenant, ids }: RebuildOptions,
): Promise<number> {
  const all = ids.map((runId) => ({ tenant: tenant ?? 'default', runId }));
  const runs =
    ids.length > 0
      ? all
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

/** `sluice rebuild --from-temporal`: logs and derived rows of runs, from the inputs of their activities. */
export async function rebuildFromTemporal(
  terminal: Terminal,
  { maintenance }: Projections,
  client: Client,
  { tenant, ids }: RebuildOptions,
): Promise<number> {
  async function* tasks(): AsyncGenerator<Task> {
    for (const workflowId of ids.length > 0 ? ids : await listWorkflowIds(client, tenant)) {
      for (const [runId, carried] of await readRunEvents(client, workflowId)) {
        const of = carried[0]?.execution.run.tenant ?? '';
        if (tenant !== undefined && of !== tenant) continue;
        yield { name: workflowId, tenant: of, runId, rebuild: () => maintenance.restoreRun(carried) };
      }
    }
  }
  return await rebuildAll(terminal, tasks());
}

/** One that fails does not stop the others. */
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
        terminal.print(`${name}  ${rows.length} rows were different: ${tablesOf(different)}`);
      }
    } catch (thrown) {
      counts.failed += 1;
      const { code, message } = toSluiceError(thrown);
      terminal.data({ tenant, runId, error: { code, message } });
      terminal.print(`${name}  ${code}: ${message}`);
    }
    if (counts.runs % PROGRESS === 0) terminal.note(`${counts.runs} runs…`);
  }
  terminal.data({ ...counts });
  terminal.print(`${counts.runs} runs looked at, ${counts.changed} changed, ${counts.failed} failed.`);
  return counts.failed === 0 ? EXIT.ok : EXIT.failed;
}

function tablesOf(different: readonly RowDifference[]): string {
  return [...new Set(different.map(({ table }) => table))].join(', ');
}
