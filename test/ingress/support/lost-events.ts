/** What is known about events that no wait took, for the people who look for the defect. */
import type { StartedRun } from '../../../client/index.js';
import type { Stack } from './stack.js';

/** Events and runs that are described; the others are like them. */
const MOST = 10;

/** An event that its run did not take. */
export interface LostEvent {
  readonly source: string;
  readonly id: string;
  readonly run: StartedRun;
}

/**
 * Describes lost events: audit row, deliveries, lists and dead letters of each; of each of their runs the
 * open waits, the pending activities and the end of the log.
 */
export async function describeLost(stack: Stack, lost: readonly LostEvent[]): Promise<string> {
  const lines: string[] = [];
  const { tenant, projections } = stack.sluice;
  const letters = (await projections.deadLetters.list(tenant, {}, { limit: 100 })).items;
  lines.push(`${letters.length} dead letters: ${text(letters.slice(0, MOST))}`);
  for (const { source, id } of lost.slice(0, MOST)) {
    const explained = await projections.events.explain({ tenant, source, id });
    lines.push(
      `event ${source} ${id}: ${text({ ...explained, envelope: undefined })}`,
      ...(await rows(stack, {
        delivery: `SELECT * FROM event_delivery:[$tenant, '${source}', '${id}']..[$tenant, '${source}', '${id}', ..]`,
        'by key': `SELECT VALUE <string> id FROM event_by_key WHERE id[5] = '${id}'`,
        unfinished: `SELECT VALUE <string> id FROM event_unfinished WHERE id[3] = '${id}'`,
      })),
    );
  }
  const runs = new Map(lost.map(({ run }) => [run.runId, run]));
  for (const run of [...runs.values()].slice(0, MOST)) {
    lines.push(
      `run ${run.workflowId}: ${await pendingOf(stack, run)}`,
      ...(await rows(stack, {
        waits: `SELECT * FROM wait:[$tenant, '${run.runId}']..[$tenant, '${run.runId}', ..] WHERE status = 'WAITING'`,
        'open waits': `SELECT VALUE <string> id FROM open_wait WHERE id[3] = '${run.runId}'`,
        log: `SELECT VALUE <string> id[2] + ' ' + <string> (at ?? '') + ' ' + type + ' ' + (path ?? '') + ' ' + <string> data FROM run_event:[$tenant, '${run.runId}']..[$tenant, '${run.runId}', ..] ORDER BY id DESC LIMIT 30`,
      })),
    );
  }
  return lines.join('\n');
}

async function rows(stack: Stack, queries: Readonly<Record<string, string>>): Promise<string[]> {
  const lines: string[] = [];
  for (const [name, query] of Object.entries(queries)) {
    const found = (await stack.answers(query).catch((error: unknown) => [[String(error)]])).at(-1);
    lines.push(`  ${name}:`, ...(Array.isArray(found) ? found : [found]).map((row) => `    ${text(row)}`));
  }
  return lines;
}

async function pendingOf(stack: Stack, { workflowId }: StartedRun): Promise<string> {
  const description = await stack.sluice.client.temporal.workflow.getHandle(workflowId).describe();
  const { pendingActivities, pendingWorkflowTask } = description.raw;
  return text({ status: description.status.name, pendingActivities, pendingWorkflowTask });
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
}
