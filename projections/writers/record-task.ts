/**
 * Writes what a task's workflow did: the newest state, the entries of its log, its notifications and its
 * places in the lists, in one transaction.
 *
 * Invariants
 * - A state that is older than the row's changes no row and no list. Entries and notifications are written
 *   once, in any order.
 * - A decision is in the outbox as `ApprovalRecorded` where the row says that it was made, and only there.
 * - A task belongs to the workflow that first wrote it. Another one under the same id, after Temporal has
 *   forgotten the first, writes nothing (closed-tasks-stay-closed).
 */
import { createHash } from 'node:crypto';
import { isJsonObject } from '../../contracts/json.js';
import { canonicalText } from '../../contracts/naming/claims.js';
import type { TaskWrite } from '../../contracts/tasks/record.js';
import { isOpen, TASK_PRIORITIES, type TaskState } from '../../contracts/tasks/task.js';
import { SluiceError } from '../../contracts/errors.js';
import { commit, Refusal, type Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';
import { approvalStatements, type DecidedTask } from '../domain/outbox.js';

// A separate statement for each: inside a block the engine forgets a LET that follows a write.
const STATEMENTS: readonly Statement[] = [
  {
    label: 'task.read',
    text: `LET $old = (SELECT execution, version, lists, list_key FROM ONLY type::record('task', $id))`,
  },
  {
    label: 'task.own',
    text: `IF $old != NONE AND $old.execution != $row.execution { THROW 'sluice:OTHER_TASK:' }`,
  },
  { label: 'task.is-newer', text: `LET $newer = ($old.version ?? 0) < $row.version` },
  {
    label: 'task_list.remove',
    text: `IF $newer { FOR $list IN ($old.lists ?? []) { DELETE type::record('task_list', [$id[0], $list, $old.list_key]) RETURN NONE } }`,
  },
  {
    label: 'task_list.write',
    text: `IF $newer { FOR $list IN $row.lists { UPSERT type::record('task_list', [$id[0], $list, $row.list_key]) RETURN NONE } }`,
  },
  { label: 'task.write', text: `IF $newer { UPSERT type::record('task', $id) CONTENT $row RETURN NONE }` },
  {
    label: 'task_action.write',
    text: `FOR $entry IN $entries { IF !record::exists(type::record('task_action', $entry.id)) { CREATE type::record('task_action', $entry.id) CONTENT $entry.row RETURN NONE } }`,
  },
  {
    label: 'task_notification.write',
    text: `FOR $notice IN $notices { IF !record::exists(type::record('task_notification', $notice.id)) { CREATE type::record('task_notification', $notice.id) CONTENT $notice.row RETURN NONE } }`,
  },
];

/**
 * @param execution first run id of the task's workflow
 * @throws SluiceError TASK_EXISTS where another workflow has written the task; DATABASE_UNAVAILABLE,
 *   DATABASE_FAILED
 */
export async function recordTask(
  { database, faults }: Writer,
  execution: string,
  { state, entries, notices }: TaskWrite,
): Promise<void> {
  const { tenant, item } = state.request;
  const version = Math.max(...entries.map(({ seq }) => seq));
  const approval = approvalStatements(database.seal, decidedTask(state, execution, entries));
  try {
    await commit(
      database,
      [...STATEMENTS, ...approval.statements],
      {
        ...approval.variables,
        id: [tenant, item],
        row: {
          ...rowOf(state, execution, version),
          body: database.seal.seal(JSON.stringify(state), [tenant, item]),
        },
        entries: entries.map((entry) => ({
          id: [tenant, item, entry.seq],
          row: {
            at: new Date(entry.at),
            action: entry.action,
            actor: entry.actor ?? undefined,
            status: entry.status,
            error_code: entry.refused?.code,
            entry: database.seal.seal(JSON.stringify(entry), [tenant, item]),
          },
        })),
        notices: notices.map(({ key, category, to, at }) => ({
          id: [tenant, item, key],
          row: { at: new Date(at), category, account: to.account, role: to.role },
        })),
      },
      faults,
    );
  } catch (error) {
    if (error instanceof Refusal && error.code === 'OTHER_TASK') {
      throw new SluiceError('TASK_EXISTS', `Tenant "${tenant}" has had a task ${item}`);
    }
    throw error;
  }
}

/** What the bus is told of a decision; undefined: the task is open, or ended without one. */
function decidedTask(
  { request, decision, round }: TaskState,
  execution: string,
  entries: TaskWrite['entries'],
): DecidedTask | undefined {
  const { tenant, item, kind, run } = request;
  const last = entries.findLast((entry) => entry.refused === null && entry.status === decision?.status);
  if (decision === null || last === undefined) return undefined;
  const { status, outcome, by, reason, at } = decision;
  if (outcome === null && status !== 'overridden') return undefined;
  const evidence = (isJsonObject(last.given) ? last.given['evidence'] : undefined) ?? [];
  const digest = createHash('sha256').update(canonicalText(evidence)).digest('hex');
  const subject = { type: status === 'overridden' ? 'override' : kind, id: item };
  const payload = {
    ...{ subject, decision: status, outcome, approver: by.at(-1) ?? null, approvers: by, reason, round },
    ...{ evidenceDigest: `sha256:${digest}`, run: run ?? null },
  };
  return { tenant, item, execution, seq: last.seq, at, payload };
}

function rowOf(state: TaskState, execution: string, version: number): Record<string, unknown> {
  const { request, status, assignee, claim, due, requestedAt, changedAt, decision } = state;
  const late = isLate(state);
  return {
    ...{ execution, version, kind: request.kind, task_type: request.taskType, status, late },
    ...{ priority: request.priority, requested_by: request.requestedBy },
    ...{ account: assignee.account, role: assignee.role, claimed_by: claim?.account },
    due_at: due === null ? undefined : new Date(due),
    requested_at: new Date(requestedAt),
    changed_at: new Date(changedAt),
    decided_at: decision === null ? undefined : new Date(decision.at),
    lists: listsOf(state),
    list_key: listKeyOf(state),
  };
}

/** Whether a deadline of an open task has passed; its timers say so, not the clock of a reader. */
function isLate(state: TaskState): boolean {
  return isOpen(state) && (state.overdue || state.level > 0);
}

function listsOf({ request, status, assignee, claim }: TaskState): readonly string[] {
  return [
    'all',
    `status:${status}`,
    `kind:${request.kind}`,
    `requester:${request.requestedBy}`,
    ...(request.run === undefined ? [] : [`run:${request.run.runId}`]),
    ...(assignee.account === undefined ? [] : [`account:${assignee.account}`]),
    ...(assignee.role === undefined ? [] : [`role:${assignee.role}`]),
    ...(claim === null ? [] : [`claimed:${claim.account}`]),
  ];
}

/** In ascending order: open before closed, late before others, then priority, then the oldest. */
function listKeyOf(state: TaskState): string {
  const { request, requestedAt } = state;
  const digits = [isOpen(state) ? 0 : 1, isLate(state) ? 0 : 1, TASK_PRIORITIES.indexOf(request.priority)];
  return `${digits.join('')}${String(requestedAt).padStart(13, '0')}-${request.item}`;
}
