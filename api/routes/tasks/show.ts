/** Tasks of people: the inbox, one task, its log. Answers have no value that a form marks `writeOnly`. */
import { z } from '@hono/zod-openapi';
import { apiPage } from '../../../contracts/http/api.js';
import { ApiTask, ApiTaskCounts, ApiTaskEntry, ApiTaskSummary } from '../../../contracts/http/tasks.js';
import { TaskKind, TaskPriority, TaskStatus } from '../../../contracts/tasks/task.js';
import { requireCapability } from '../../auth/principal.js';
import { operation, type Api } from '../../http/operation.js';
import { json, pageOf } from '../../views/views.js';
import { Flag, Id, isPlain, PageQuery } from '../../views/parts.js';

/** Most characters of a task's name. */
const ITEM_CHARACTERS = 512;

export const ItemName = z
  .string()
  .min(1)
  .max(ITEM_CHARACTERS)
  .refine(isPlain, 'must not have control characters');
export const TaskParams = z.strictObject({ taskId: ItemName.openapi({ description: 'Name of the task.' }) });

/** `true` or `false`; absent: the default of the filter. */
const Choice = z
  .enum(['true', 'false'])
  .optional()
  .transform((value) => (value === undefined ? undefined : value === 'true'))
  .openapi({ type: 'string', enum: ['true', 'false'] });

/** Statuses with commas between them. */
const Statuses = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(TaskStatus))
  .optional()
  .openapi({
    type: 'string',
    description: `One of ${TaskStatus.options.join(', ')}, or several with commas between them.`,
  });

export const taskFilter = {
  kind: TaskKind.optional(),
  priority: TaskPriority.optional(),
  account: Id.optional().openapi({ description: 'Assigned to this account.' }),
  role: Id.optional().openapi({ description: 'Assigned to this role.' }),
  requestedBy: Id.optional(),
  claimedBy: Id.optional(),
  runId: Id.optional().openapi({ description: 'Asked for by this run.' }),
};

const UNREDACTED = '`unredacted=true` needs the role `admin`.';

export function addTaskRoutes(api: Api): void {
  const { client } = api.deps;
  operation(
    api,
    {
      method: 'get',
      path: '/v1/tasks',
      operationId: 'listTasks',
      tag: 'tasks',
      summary: 'List tasks: late ones first, then by priority, then the oldest',
      description: 'Open tasks only, unless `status` names another status or `onlyOpen` is false.',
      capability: 'read',
      query: PageQuery.extend({ status: Statuses, ...taskFilter, onlyOpen: Choice, onlyLate: Choice }),
      answers: { 200: { description: 'A page', schema: apiPage(ApiTaskSummary) } },
    },
    async ({ tenant, query: { after, limit, ...filter } }) => {
      const page = await client.tasks.list(filter, { after, limit }, { tenant });
      return json(pageOf(page, (task) => task));
    },
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/task-counts',
      operationId: 'countTasks',
      tag: 'tasks',
      summary: 'Count the tasks that are open, late, and in each status',
      capability: 'read',
      answers: { 200: { description: 'The counts', schema: ApiTaskCounts } },
    },
    async ({ tenant }) => json(await client.tasks.count({ tenant })),
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/tasks/{taskId}',
      operationId: 'getTask',
      tag: 'tasks',
      summary: 'Show a task with what it asks and its decisions',
      description: UNREDACTED,
      capability: 'read',
      params: TaskParams,
      query: z.strictObject({ unredacted: Flag }),
      answers: { 200: { description: 'The task', schema: ApiTask } },
      errors: ['TASK_NOT_FOUND'],
      audited: ({ unredacted }) => unredacted,
    },
    async ({ principal, tenant, params: { taskId }, query: { unredacted } }) => {
      if (unredacted) requireCapability(principal, 'unredacted');
      return json(await client.tasks.get(taskId, { tenant, unredacted }));
    },
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/tasks/{taskId}/log',
      operationId: 'listTaskEntries',
      tag: 'tasks',
      summary: 'List what was done to a task, and what was refused, oldest first',
      description: UNREDACTED,
      capability: 'read',
      params: TaskParams,
      query: PageQuery.extend({ unredacted: Flag }),
      answers: { 200: { description: 'A page', schema: apiPage(ApiTaskEntry) } },
      errors: ['TASK_NOT_FOUND'],
      audited: ({ unredacted }) => unredacted,
    },
    async ({ principal, tenant, params: { taskId }, query: { after, limit, unredacted } }) => {
      if (unredacted) requireCapability(principal, 'unredacted');
      const page = await client.tasks.log(taskId, { after, limit }, { tenant, unredacted });
      return json(pageOf(page, (entry) => entry));
    },
  );
}
