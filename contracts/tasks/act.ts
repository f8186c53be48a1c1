/**
 * What people, and Sluice itself, can do to a task: the table of actions as data, and the shape of an act.
 *
 * Invariant (tasks-follow-one-table): the workflow, the API, the CLI and the pages read this table; no other
 * code knows which action is legal in which status.
 */
import { z } from 'zod';
import { JsonValue } from '../json.js';
import {
  Assignee,
  NOTE_CHARACTERS,
  CLOSED_STATUSES,
  OPEN_STATUSES,
  type TaskKind,
  type TaskStatus,
} from './task.js';

export const TASK_ACTIONS = [
  'claim',
  'release',
  'approve',
  'reject',
  'answer',
  'request_change',
  'resubmit',
  'comment',
  'reassign',
  'escalate',
  'override',
  'withdraw',
  'supersede',
] as const;
export type TaskAction = (typeof TASK_ACTIONS)[number];

/** An input that an action needs; others are ignored. */
type TaskInput = 'reason' | 'note' | 'assignee' | 'outcome' | 'confirm';

interface TableRow {
  readonly from: readonly TaskStatus[];
  /**
   * `same`: the status stays, unless a claim ends. `open`: escalated above level 0, otherwise requested.
   * `decided`: what the outcome says, once the quorum is met.
   */
  readonly to: TaskStatus | 'same' | 'open' | 'decided';
  /** The action of a policy. `system`: only Sluice itself. */
  readonly permission: 'review' | 'resubmit' | 'comment' | 'assign' | 'escalate' | 'override' | 'system';
  readonly inputs: readonly TaskInput[];
  /** Whether only those who may decide may do it: the assignee, not excluded, and proven to be who acts. */
  readonly reviewer: boolean;
  /** Whether a claim of another person forbids it. */
  readonly respectsClaim: boolean;
  /** Kinds of tasks that know it; absent: all. */
  readonly kinds?: readonly TaskKind[];
  /** The event that the bus gets when it closes the task; null: none. */
  readonly event: 'ApprovalRecorded' | null;
}

const decides = {
  from: OPEN_STATUSES,
  to: 'decided',
  permission: 'review',
  reviewer: true,
  respectsClaim: true,
  event: 'ApprovalRecorded',
} as const;
const system = {
  from: OPEN_STATUSES,
  permission: 'system',
  inputs: ['reason'],
  reviewer: false,
  respectsClaim: false,
  event: null,
} as const;
const manages = { from: OPEN_STATUSES, reviewer: false, respectsClaim: false, event: null } as const;

/** The table: who may do what in which status, what it needs, and where it leads. */
export const TASK_TABLE: Readonly<Record<TaskAction, TableRow>> = {
  claim: {
    from: ['requested', 'in_review', 'escalated'],
    to: 'in_review',
    permission: 'review',
    inputs: [],
    reviewer: true,
    respectsClaim: true,
    event: null,
  },
  release: {
    from: ['in_review'],
    to: 'open',
    permission: 'review',
    inputs: [],
    reviewer: false,
    respectsClaim: true,
    event: null,
  },
  approve: { ...decides, inputs: ['reason'] },
  reject: { ...decides, inputs: ['reason'] },
  answer: { ...decides, inputs: ['outcome'] },
  request_change: {
    from: ['requested', 'in_review', 'escalated'],
    to: 'changes_requested',
    permission: 'review',
    inputs: ['reason'],
    reviewer: true,
    respectsClaim: true,
    event: null,
  },
  resubmit: {
    // Escalated: the requester let the time pass.
    from: ['changes_requested', 'escalated'],
    to: 'open',
    permission: 'resubmit',
    inputs: ['reason'],
    reviewer: false,
    respectsClaim: true,
    event: null,
  },
  comment: {
    from: [...OPEN_STATUSES, ...CLOSED_STATUSES],
    to: 'same',
    permission: 'comment',
    inputs: ['note'],
    reviewer: false,
    respectsClaim: false,
    event: null,
  },
  reassign: { ...manages, to: 'same', permission: 'assign', inputs: ['assignee'] },
  escalate: { ...manages, to: 'escalated', permission: 'escalate', inputs: ['reason'] },
  override: {
    ...manages,
    to: 'overridden',
    permission: 'override',
    inputs: ['reason', 'confirm'],
    kinds: ['exception_review'],
    event: 'ApprovalRecorded',
  },
  withdraw: { ...system, to: 'withdrawn' },
  supersede: { ...system, to: 'superseded' },
};

/** Bytes of evidence and of an answer are bounded by the size of an update. */
const Text = z.string().trim().min(1).max(NOTE_CHARACTERS);

/** One act on a task, as its sender writes it. */
export const TaskAct = z.object({
  /** Names the act: the same id again gets the first answer. */
  requestId: z.string().min(1).max(256),
  action: z.enum(TASK_ACTIONS),
  actor: z.string().min(1).max(256),
  /** Roles of the actor, as its sender says: they count if the sender is proven to be a door of Sluice's. */
  roles: z.array(z.string().min(1).max(256)).max(100).default([]),
  reason: Text.optional(),
  note: Text.optional(),
  outcome: z.string().min(1).max(256).optional(),
  answer: JsonValue.optional(),
  evidence: z.array(JsonValue).max(100).optional(),
  assignee: Assignee.optional(),
  /** For an override: `OVERRIDE` and the task's name in upper case. */
  confirm: z.string().max(1_024).optional(),
});
export type TaskAct = z.infer<typeof TaskAct>;

/** What is known for certain of who acts. */
export interface Actor {
  readonly account: string;
  readonly roles: readonly string[];
  /**
   * False: nothing proves that the account is who it says. Then the act counts toward no role and no quorum.
   */
  readonly proven: boolean;
}

/** The text that an override needs. */
export function confirmText(item: string): string {
  return `OVERRIDE ${item.toUpperCase()}`;
}
