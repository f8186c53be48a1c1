/**
 * Tasks of people: list, show, ask, act.
 *
 * Invariants
 * - Every act is an update of the task's workflow; nothing here writes a row.
 * - What is shown has no value that the form of the task marks `writeOnly`, unless the caller asks for it.
 */
import { WorkflowIdReusePolicy } from '@temporalio/client';
import { v7 as uuid } from 'uuid';
import type { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import { WORKFLOW_TYPES } from '../../contracts/run/messages.js';
import { TaskAct, type TaskAction } from '../../contracts/tasks/act.js';
import {
  TaskFilter,
  type TaskAnswer,
  type TaskCounts,
  type TaskEntry,
  type TaskSummary,
  type TaskView,
} from '../../contracts/tasks/record.js';
import { TaskRequest } from '../../contracts/tasks/task.js';
import type { Page, PageRequest } from '../../projections/index.js';
import { systemClaim } from '../claims/claims.js';
import { checkedSize, parseOrRefuse, withoutUndefined } from '../connection/input.js';
import { startWorkflow } from '../connection/start.js';
import { hidingRedactor, type PayloadRedactor } from '../redaction/redaction.js';
import { allItems } from '../reads/reads.js';
import { readsOf, type OfTenant, type RunContext } from '../runs/context.js';
import { safeRedactorOf } from '../runs/redactors.js';
import { sendAct } from './act.js';
import { bulkTasks, type TaskBulk, type TaskBulkItem } from './bulk.js';
import {
  answersOf,
  hideEntries,
  hideEntriesOfRun,
  hideSummaryOfRun,
  hideTask,
  hideTaskOfRun,
  marks,
} from './shown-task.js';

/** What people can do to a task. */
export type PeopleAction = Exclude<TaskAction, 'withdraw' | 'supersede'>;

/** What an act says: its reason, note, outcome, answer, evidence, assignee or confirmation. */
export type TaskInput = Omit<z.input<typeof TaskAct>, 'requestId' | 'action' | 'actor' | 'roles'>;

/** Who acts on a task. */
export interface TaskActor extends OfTenant {
  /** Default: the client's. */
  readonly actor?: string | undefined;
  /** Roles of the actor. With signed claims, workers believe a client that has the ring. Default: none. */
  readonly roles?: readonly string[] | undefined;
  /** Makes a repetition harmless: the same id gets the first answer. Default: a new one. */
  readonly requestId?: string | undefined;
}

/** What is asked; `item` and `requestedBy` default to a new id and to the actor. */
export type TaskToCreate = Omit<z.input<typeof TaskRequest>, 'tenant' | 'item' | 'requestedBy' | 'run'> & {
  readonly item?: string | undefined;
  readonly requestedBy?: string | undefined;
};

/** Whether marked values are shown. */
export interface TaskReadOptions extends OfTenant {
  readonly unredacted?: boolean | undefined;
}

/** A step would take a task of its name for its own, and that one's decision for its answer. */
const OF_A_STEP = /\/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\//i;

/** Tasks of a tenant; `client.tasks` is one. */
export class TaskClient {
  readonly #context: RunContext;

  /** @internal */
  constructor(context: RunContext) {
    this.#context = context;
  }

  /**
   * The inbox: late ones first, then by priority, then the oldest.
   * @throws SluiceError READS_NOT_CONFIGURED; INPUT_INVALID for an unknown status, kind, priority or field,
   *   or where `after` is not the end of a page
   */
  async list(
    filter: TaskFilter = {},
    page: PageRequest = {},
    options: OfTenant = {},
  ): Promise<Page<TaskSummary>> {
    const tenant = this.#tenant(options);
    const reads = readsOf(this.#context);
    const checked = parseOrRefuse(TaskFilter, withoutUndefined(filter));
    const found = await reads.listTasks(tenant, checked, page);
    if (reads.redacted === true) return found;
    const shown: TaskSummary[] = [];
    for (const task of found.items) {
      const redactor = await this.#ofRun(task, tenant);
      shown.push(redactor?.hides === true ? hideSummaryOfRun(redactor, task) : task);
    }
    // A filter by a hidden value would tell whether a guess is right.
    const { account, role, requestedBy } = filter;
    const items = shown.filter(
      (task) =>
        (account === undefined || task.account === account) &&
        (role === undefined || task.role === role) &&
        (requestedBy === undefined || task.requestedBy === requestedBy),
    );
    return { ...found, items };
  }

  /**
   * How many tasks there are, how many are open, late, and in each status.
   * @throws SluiceError READS_NOT_CONFIGURED
   */
  async count(options: OfTenant = {}): Promise<TaskCounts> {
    return await readsOf(this.#context).countTasks(this.#tenant(options));
  }

  /** One task with what it asks. @throws SluiceError TASK_NOT_FOUND, READS_NOT_CONFIGURED */
  async get(item: string, options: TaskReadOptions = {}): Promise<TaskView> {
    const task = await this.#find(item, options);
    if (!this.#hides(options)) return task;
    const own = marks(task) ? hideTask(task, answersOf(await this.#entries(item, options))) : task;
    const redactor = await this.#ofRun(task, this.#tenant(options));
    return redactor?.hides === true ? hideTaskOfRun(redactor, own) : own;
  }

  /**
   * What was done to a task, also what was refused, oldest first.
   * @throws SluiceError TASK_NOT_FOUND, READS_NOT_CONFIGURED, INPUT_INVALID
   */
  async log(item: string, page: PageRequest = {}, options: TaskReadOptions = {}): Promise<Page<TaskEntry>> {
    const task = await this.#find(item, options);
    const tenant = this.#tenant(options);
    const { items, ...rest } = await readsOf(this.#context).listTaskEntries(tenant, item, page);
    if (!this.#hides(options)) return { ...rest, items };
    const own = marks(task) ? hideEntries(task, items, answersOf(await this.#entries(item, options))) : items;
    const redactor = await this.#ofRun(task, tenant);
    return { ...rest, items: [...(redactor?.hides === true ? hideEntriesOfRun(redactor, own) : own)] };
  }

  /**
   * Asks people: starts the workflow of a task.
   * @returns its name
   * @throws SluiceError TASK_EXISTS, INPUT_INVALID, TEMPORAL_UNAVAILABLE, OUTCOME_UNKNOWN
   * @example
   * await sluice.tasks.create({ title: 'Pay invoice 7', assignee: { role: 'finance' }, dueMs: 14_400_000 });
   */
  async create(asked: TaskToCreate, options: Omit<TaskActor, 'roles' | 'requestId'> = {}): Promise<string> {
    checkedSize(asked, 'The request of a task', 'PAYLOAD_INVALID');
    const { temporal, call, reads } = this.#context;
    const tenant = this.#tenant(options);
    const request = parseOrRefuse(TaskRequest, {
      item: uuid(),
      requestedBy: options.actor ?? this.#context.actor,
      ...withoutUndefined(asked),
      tenant,
      run: undefined,
    });
    const { item } = request;
    if (OF_A_STEP.test(item)) {
      throw new SluiceError('INPUT_INVALID', `item: "${item}" is a name that a step of a run gives its task`);
    }
    const exists = new SluiceError('TASK_EXISTS', `Tenant ${tenant} has, or has had, a task ${item}.`);
    // Temporal forgets a workflow that has ended; its row stays.
    if ((await reads?.getTask(tenant, item)) !== undefined) throw exists;
    try {
      await startWorkflow(temporal, call, WORKFLOW_TYPES.task, {
        args: [request],
        workflowId: taskId(tenant, item),
        taskQueue: call.taskQueue,
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        priority: { fairnessKey: tenant },
        ...systemClaim(temporal, WORKFLOW_TYPES.task, request),
      });
    } catch (thrown) {
      if (thrown instanceof SluiceError && thrown.code === 'WORKFLOW_ALREADY_STARTED') throw exists;
      throw thrown;
    }
    return item;
  }

  /**
   * Acts on a task.
   * @returns where the task stands; `decided`: the act closed it
   * @throws SluiceError TASK_NOT_FOUND, TASK_CLOSED, TASK_CLAIMED, TASK_FORBIDDEN, TASK_ACTION_ILLEGAL,
   *   INPUT_INVALID, PAYLOAD_INVALID for an answer that does not fit the form, IDEMPOTENCY_KEY_REUSED,
   *   OUTCOME_UNKNOWN
   * @example
   * await sluice.tasks.act('invoice-7', 'approve', { reason: 'as ordered' }, { actor: 'anna' });
   */
  async act(
    item: string,
    action: PeopleAction,
    input: TaskInput = {},
    options: TaskActor = {},
  ): Promise<TaskAnswer> {
    const act = this.#act(action, input, options);
    return await sendAct(this.#context, { tenant: this.#tenant(options), item }, act);
  }

  /**
   * Acts on every open task that a filter finds, in the order of the inbox.
   * @throws SluiceError INPUT_INVALID, READS_NOT_CONFIGURED; a refusal of one task is its item
   */
  async *bulk(
    action: PeopleAction,
    input: TaskInput,
    options: TaskActor & TaskBulk,
  ): AsyncGenerator<TaskBulkItem, void> {
    const act = this.#act(action, input, options);
    yield* bulkTasks(this.#context, act, { ...options, tenant: this.#tenant(options) });
  }

  #act(action: PeopleAction, input: TaskInput, { actor, roles, requestId }: TaskActor): TaskAct {
    checkedSize(input, 'The act', 'PAYLOAD_INVALID');
    return parseOrRefuse(TaskAct, {
      ...withoutUndefined(input),
      requestId: requestId ?? uuid(),
      action,
      actor: actor ?? this.#context.actor,
      roles: [...(roles ?? [])],
    });
  }

  async #find(item: string, options: OfTenant): Promise<TaskView> {
    const tenant = this.#tenant(options);
    const task = await readsOf(this.#context).getTask(tenant, item);
    if (task !== undefined) return task;
    throw new SluiceError('TASK_NOT_FOUND', `Tenant ${tenant} has no task ${item}.`);
  }

  /** Every entry of a log, unredacted. */
  async #entries(item: string, options: OfTenant): Promise<readonly TaskEntry[]> {
    const all: TaskEntry[] = [];
    const reads = readsOf(this.#context);
    const tenant = this.#tenant(options);
    for await (const entry of allItems((page) => reads.listTaskEntries(tenant, item, page))) all.push(entry);
    return all;
  }

  #hides({ unredacted = false }: TaskReadOptions): boolean {
    return !unredacted && this.#context.reads?.redacted !== true;
  }

  /** The redactor of the run that asks, which hides all where the run is gone; undefined: no run asks. */
  async #ofRun({ runId }: TaskSummary, tenant: string): Promise<PayloadRedactor | undefined> {
    if (runId === null) return undefined;
    const context = { ...this.#context, tenant };
    const run = await readsOf(context).getRun(tenant, runId);
    return run === undefined ? hidingRedactor() : await safeRedactorOf(context, run);
  }

  #tenant({ tenant }: OfTenant): string {
    return tenant ?? this.#context.tenant;
  }
}
