/** One task with what it asks, and the log of what was done to it. */
import { z } from 'zod';
import type { TaskView } from '../../../contracts/tasks/record.js';
import type { AskingStep } from '../../../contracts/tasks/task.js';
import { TaskEntry } from '../../../contracts/tasks/record.js';
import type { Database } from '../../connection/connection.js';
import { numberCursor, pageLimit, toPage, type Page, type PageRequest } from '../../connection/page.js';
import { read } from '../../connection/read.js';
import { TaskColumns, toSummary } from './task-rows.js';

const Notice = z.object({
  key: z.string(),
  at: z.date(),
  category: z.string(),
  account: z.string().optional(),
  role: z.string().optional(),
});

/** @returns undefined: the tenant has no such task */
export async function getTask(
  database: Database,
  tenant: string,
  item: string,
): Promise<TaskView | undefined> {
  const [row] = await read(
    database,
    z.array(TaskColumns),
    `SELECT late, body, list_key FROM type::record('task', [$tenant, $item])`,
    { tenant, item },
  );
  if (row === undefined) return undefined;
  const notices = await read(
    database,
    z.array(Notice),
    `SELECT *, id[2] AS key FROM task_notification:[$tenant, $item, '']..[$tenant, $item, {}]`,
    { tenant, item },
  );
  const { request, votes, decision } = row.body;
  return {
    ...toSummary(row),
    description: request.description,
    context: request.context,
    form: request.form ?? null,
    outcomes: request.outcomes.map(({ name }) => name),
    outcomeForms: Object.fromEntries(
      request.outcomes.flatMap(({ name, form }) => (form === undefined ? [] : [[name, form]])),
    ),
    step: request.run === undefined ? null : stepOf(request.run),
    ...{ votes, decision },
    notifications: notices
      .map(({ key, at, category, account, role }) => ({
        ...{ key, category, at: at.getTime() },
        to: { ...(account !== undefined && { account }), ...(role !== undefined && { role }) },
      }))
      .sort((a, b) => a.at - b.at),
  };
}

function stepOf({ definition, stepId, path }: AskingStep): TaskView['step'] {
  return { definition, stepId, stepPath: path };
}

/**
 * The log of a task, oldest first.
 * @throws SluiceError INPUT_INVALID where `after` is not the end of a page
 */
export async function listTaskEntries(
  database: Database,
  tenant: string,
  item: string,
  page: PageRequest = {},
): Promise<Page<TaskEntry>> {
  const limit = pageLimit(page);
  const rows = await read(
    database,
    z.array(z.object({ entry: z.string() })),
    `SELECT entry FROM task_action:[$tenant, $item, $after]>..[$tenant, $item, {}] LIMIT $limit`,
    { tenant, item, after: numberCursor(page.after), limit: limit + 1 },
  );
  return toPage(
    rows.map(({ entry }) => TaskEntry.parse(JSON.parse(entry))),
    limit,
    ({ seq }) => String(seq),
    (entry) => entry,
  );
}
