/**
 * Asking people and answering. Each act is an update of the task's workflow, and is answered with what the
 * workflow has decided.
 *
 * Invariants
 * - The actor is the principal, with its roles and groups: no body can name another.
 * - An idempotency key is the request id of the act, so the workflow itself knows a repetition.
 */
import { z } from '@hono/zod-openapi';
import { v7 as uuid } from 'uuid';
import type { PeopleAction, TaskActor, TaskInput, TaskToCreate } from '../../../client/index.js';
import { SluiceError, type ErrorCode } from '../../../contracts/errors.js';
import { TASK_ACTIONS, TASK_TABLE } from '../../../contracts/tasks/act.js';
import { Assignee, NOTE_CHARACTERS, TaskRequest, TaskStatus } from '../../../contracts/tasks/task.js';
import { requireCapability, type Capability, type Principal } from '../../auth/principal.js';
import { operation, type Api } from '../../http/operation.js';
import { ndjson } from '../../http/streams.js';
import { json } from '../../views/views.js';
import { AnyJson, Id } from '../../views/parts.js';
import { ItemName, taskFilter, TaskParams } from './show.js';

/** Most characters of the text that confirms an override, and pieces of evidence. */
const CONFIRM_CHARACTERS = 1_024;
const MOST_EVIDENCE = 100;

const Text = z.string().trim().min(1).max(NOTE_CHARACTERS);
const Evidence = z.array(z.unknown()).max(MOST_EVIDENCE).optional();
const Whom = Assignee.extend({}).strict().openapi({ description: 'An account, a role, or both.' });

/** The fields that each action takes. */
const reason = { reason: Text, evidence: Evidence };
const decision = { ...reason, answer: AnyJson };
const BODIES = {
  claim: z.strictObject({}),
  release: z.strictObject({}),
  approve: z.strictObject(decision),
  reject: z.strictObject(decision),
  answer: z.strictObject({ ...decision, reason: Text.optional(), outcome: Id }),
  request_change: z.strictObject(reason),
  resubmit: z.strictObject(reason),
  comment: z.strictObject({ note: Text, evidence: Evidence }),
  reassign: z.strictObject({ assignee: Whom, note: Text.optional() }),
  escalate: z.strictObject({ reason: Text, assignee: Whom.optional() }),
  override: z.strictObject({ ...reason, confirm: z.string().max(CONFIRM_CHARACTERS) }),
} as const satisfies Readonly<Record<PeopleAction, z.ZodType>>;

const SUMMARIES: Readonly<Record<PeopleAction, string>> = {
  claim: 'Claim a task, so that others leave it alone for a while',
  release: 'Release a claimed task',
  approve: 'Decide a task: approve',
  reject: 'Decide a task: reject',
  answer: 'Decide a task with one of its outcomes',
  request_change: 'Ask the requester of a task for changes',
  resubmit: 'Submit a task again, after changes',
  comment: 'Comment on a task',
  reassign: 'Assign a task to others',
  escalate: 'Move a task one level up',
  override: 'Decide a task instead of those who should',
};

const CAPABILITIES = {
  review: 'review',
  resubmit: 'review',
  comment: 'review',
  assign: 'assign',
  escalate: 'assign',
  override: 'override',
} as const satisfies Partial<Record<(typeof TASK_TABLE)[PeopleAction]['permission'], Capability>>;

/** What a role must be able to do for an action. */
function capabilityOf(action: PeopleAction): Capability {
  const { permission } = TASK_TABLE[action];
  return permission === 'system' ? 'override' : CAPABILITIES[permission];
}

const ACTIONS = TASK_ACTIONS.filter((action) => action in BODIES) as readonly PeopleAction[];

const Answered = z
  .object({
    status: TaskStatus,
    round: z.number().int(),
    level: z.number().int(),
    seq: z.number().int().openapi({ description: 'The entry of the log.' }),
    decided: z.boolean().openapi({ description: 'The act has closed the task.' }),
  })
  .openapi('TaskAnswer');

const TEMPORAL: readonly ErrorCode[] = [
  'TEMPORAL_UNAVAILABLE',
  'TEMPORAL_NAMESPACE_NOT_FOUND',
  'OUTCOME_UNKNOWN',
];
const ACT_ERRORS: readonly ErrorCode[] = [
  ...TEMPORAL,
  'TASK_NOT_FOUND',
  'TASK_CLOSED',
  'TASK_CLAIMED',
  'TASK_FORBIDDEN',
  'TASK_ACTION_ILLEGAL',
  'CHECK_LIMIT',
];

const OutcomeBody = z.strictObject({ name: Id, alone: z.boolean().optional(), form: AnyJson });

/** What the door fills in itself is in no body. */
function withoutOwn<T extends object>(shape: T): Omit<T, 'tenant' | 'requestedBy' | 'item' | 'run'> {
  const own = new Set(['tenant', 'requestedBy', 'item', 'run']);
  const kept = Object.entries(shape).filter(([name]) => !own.has(name));
  return Object.fromEntries(kept) as Omit<T, 'tenant' | 'requestedBy' | 'item' | 'run'>;
}
const CreateBody = z
  .strictObject({
    ...withoutOwn(TaskRequest.shape),
    outcomes: z.array(OutcomeBody).optional(),
    context: AnyJson.openapi({ description: 'What a person sees.' }),
    form: AnyJson.openapi({ description: 'JSON Schema of the answer.' }),
    item: ItemName.optional().openapi({ description: 'Default: a new id.' }),
  })
  .openapi('CreateTask');

const BulkBody = z
  .strictObject({
    action: z.enum(ACTIONS.filter((action) => action !== 'override')),
    filter: z.strictObject({
      status: z.union([TaskStatus, z.array(TaskStatus).min(1)]).optional(),
      ...taskFilter,
      onlyLate: z.boolean().optional(),
    }),
    input: z
      .strictObject({
        reason: Text.optional(),
        note: Text.optional(),
        outcome: Id.optional(),
        answer: AnyJson,
        assignee: Whom.optional(),
      })
      .optional(),
    dryRun: z.boolean().optional(),
    all: z.boolean().optional().openapi({ description: 'Must be true if the filter is empty.' }),
  })
  .openapi('BulkTasks');

/** The person of a request, as a task sees it. */
function personOf({ name, roles, groups = [] }: Principal): Pick<TaskActor, 'actor' | 'roles'> {
  return { actor: name, roles: [...new Set<string>([...roles, ...groups])] };
}

export function addTaskActRoutes(api: Api): void {
  const { client, stopping } = api.deps;
  operation(
    api,
    {
      method: 'post',
      path: '/v1/tasks',
      operationId: 'createTask',
      tag: 'tasks',
      summary: 'Ask people',
      description: 'Starts a task; the requester is who asks. Times are milliseconds.',
      capability: 'review',
      body: { schema: CreateBody },
      answers: {
        201: {
          description: 'Asked',
          schema: z.object({ item: z.string() }),
          headers: { Location: 'Path of the task.' },
        },
      },
      errors: [...TEMPORAL, 'TASK_EXISTS'],
    },
    async ({ principal, tenant, operationId, concerns, body }) => {
      const item = body.item ?? operationId ?? uuid();
      concerns(`task:${item}`);
      try {
        await client.tasks.create({ ...(body as TaskToCreate), item }, { tenant, actor: principal.name });
      } catch (thrown) {
        // The name is of this request alone: an attempt whose answer was not stored has asked already.
        const mine = body.item === undefined && operationId !== undefined;
        if (!(mine && thrown instanceof SluiceError && thrown.code === 'TASK_EXISTS')) throw thrown;
      }
      return json({ item }, 201, { location: `/v1/tasks/${encodeURIComponent(item)}` });
    },
  );
  for (const action of ACTIONS) {
    const dashed = action.replaceAll('_', '-');
    operation<{ taskId: string }, Record<string, never>, unknown>(
      api,
      {
        method: 'post',
        path: `/v1/tasks/{taskId}/${dashed}`,
        operationId: `${action === 'request_change' ? 'requestChangeOf' : action}Task`,
        tag: 'tasks',
        summary: SUMMARIES[action],
        capability: capabilityOf(action),
        params: TaskParams,
        body: { schema: BODIES[action] as z.ZodType, optional: action === 'claim' || action === 'release' },
        answers: { 200: { description: 'Where the task stands', schema: Answered } },
        errors: ACT_ERRORS,
      },
      async ({ principal, tenant, params: { taskId }, operationId: requestId, body }) => {
        const actor = { tenant, ...personOf(principal), requestId };
        return json(await client.tasks.act(taskId, action, body as TaskInput, actor));
      },
    );
  }
  operation(
    api,
    {
      method: 'post',
      path: '/v1/tasks/bulk',
      operationId: 'bulkTasks',
      tag: 'bulk',
      summary: 'Act on every open task that matches',
      description:
        'The answer is like that of `bulkRuns`, with a line for each task, in the order of the inbox. `override` has no bulk.',
      capability: 'review',
      body: { schema: BulkBody },
      answers: {
        200: {
          description: 'One line of JSON for each task',
          type: 'application/x-ndjson',
          schema: z.object({
            item: z.string(),
            title: z.string(),
            outcome: z.enum(['done', 'would', 'unknown', 'failed']),
            status: z.string(),
            error: z.object({ code: z.string(), message: z.string() }).optional(),
          }),
        },
      },
      errors: TEMPORAL,
      idempotency: 'again',
    },
    async ({ c, principal, tenant, concerns, operationId: requestId, body }) => {
      const { action, input = {}, ...options } = body;
      requireCapability(principal, capabilityOf(action));
      const listener = new AbortController();
      const lines = client.tasks.bulk(action, input, {
        ...options,
        ...{ tenant, ...personOf(principal), requestId },
        signal: AbortSignal.any([listener.signal, stopping]),
      });
      const noted = ({ item, outcome }: { readonly item: string; readonly outcome: string }): string => {
        if (outcome !== 'would') concerns(`task:${item}`);
        return outcome;
      };
      return ndjson(lines, noted, listener, { requestId: c.get('requestId'), path: c.req.path });
    },
  );
}
