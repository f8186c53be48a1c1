/**
 * A task: something that a person has to decide. Its statuses, what is asked, and the state that its workflow
 * owns.
 *
 * Invariants
 * - One task is one workflow. Its state is the only truth; rows are written from it.
 * - People are named by account. Roles of an actor are facts that the caller of this folder has verified.
 * - All times are epoch milliseconds, so that no comparison depends on a spelling.
 */
import { z } from 'zod';
import { CalendarName, PinnedCalendar } from '../calendar/pinned.js';
import { JsonValue } from '../json.js';
import { TenantId } from '../run/messages.js';

/** Statuses of a task that someone can still decide. */
export const OPEN_STATUSES = ['requested', 'in_review', 'changes_requested', 'escalated'] as const;

/**
 * Statuses that nothing leaves. `answered`: decided with another outcome than approve and reject. `expired`:
 * its deadline passed, and its request says that this ends it. `withdrawn`: its run ended without it.
 * `superseded`: its run was rewound and asks again.
 */
export const CLOSED_STATUSES = [
  'approved',
  'rejected',
  'answered',
  'overridden',
  'expired',
  'withdrawn',
  'superseded',
] as const;

export const TaskStatus = z.enum([...OPEN_STATUSES, ...CLOSED_STATUSES]);
export type TaskStatus = z.infer<typeof TaskStatus>;

export const TaskKind = z.enum(['human_task', 'exception_review', 'incident_review', 'override_review']);
export type TaskKind = z.infer<typeof TaskKind>;

/** Of an inbox: the first is shown first. */
export const TASK_PRIORITIES = ['urgent', 'high', 'normal', 'low'] as const;
export const TaskPriority = z.enum(TASK_PRIORITIES);
export type TaskPriority = z.infer<typeof TaskPriority>;

/** Characters of a text that a person writes about a task: a title, a reason, a note. */
const TITLE_CHARACTERS = 256;
export const NOTE_CHARACTERS = 8_192;
const DESCRIPTION_CHARACTERS = 16_384;

/** An account, a role or an outcome. */
const Name = z.string().min(1).max(256);
const Time = z.number().int().nonnegative();
/** Milliseconds; at most 100 years. */
const Span = z.number().int().positive().max(3_155_760_000_000);
/** Working days; at most ten years of them. */
const Days = z.number().int().positive().max(3_660);

/** Who may act: the account, and everyone with the role. Neither: everyone whom the policies let. */
export const Assignee = z.object({ account: Name.optional(), role: Name.optional() });
export type Assignee = z.infer<typeof Assignee>;

/** So many distinct people, with the role, or of the accounts. Neither: of those who may act. */
const Seats = z.object({
  count: z.number().int().min(1).max(20),
  role: Name.optional(),
  accounts: z.array(Name).min(1).max(100).optional(),
});
export type Seats = z.infer<typeof Seats>;

const Outcome = z.object({
  name: Name,
  /** True: one decision is enough, however many people the quorum asks for. */
  alone: z.boolean().default(false),
  /** JSON Schema of the answer that comes with it; absent: the form of the task. */
  form: JsonValue.optional(),
});

/** The step of a run that asks. */
const AskingStep = z.object({
  workflowId: z.string(),
  /** First execution run id. */
  runId: z.string(),
  definition: z.string(),
  stepId: z.string(),
  path: z.string(),
  iteration: z.array(z.number().int()),
});

export type AskingStep = z.infer<typeof AskingStep>;

/** What happens at a deadline: one level after the other, and at last `end`. */
const OnDue = z.object({
  levels: z
    .array(z.object({ assignee: Assignee, dueMs: Span.optional(), dueDays: Days.optional() }))
    .max(10)
    .default([]),
  end: z
    .discriminatedUnion('kind', [
      /** The task stays open, and overdue. */
      z.object({ kind: z.literal('stay') }),
      z.object({ kind: z.literal('outcome'), outcome: Name }),
      z.object({ kind: z.literal('fail') }),
    ])
    .default({ kind: 'stay' }),
});

const DEFAULT_CLAIM_MS = 900_000;
const NO_DEADLINE = { levels: [], end: { kind: 'stay' as const } };

/** What a task asks; it never changes. */
export const TaskRequest = z
  .object({
    tenant: TenantId,
    /** The task's name, unique in its tenant. */
    item: z
      .string()
      .min(1)
      .max(512)
      .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must not hold control characters'),
    kind: TaskKind.default('human_task'),
    /** What a user interface chooses its form by. */
    taskType: Name.optional(),
    title: z.string().min(1).max(TITLE_CHARACTERS),
    description: z.string().max(DESCRIPTION_CHARACTERS).default(''),
    /** What a person sees. */
    context: JsonValue.default(null),
    /** JSON Schema of the answer. */
    form: JsonValue.optional(),
    outcomes: z
      .array(Outcome)
      .min(1)
      .max(20)
      .default([
        { name: 'approve', alone: false },
        { name: 'reject', alone: true },
      ]),
    requestedBy: Name,
    /** Absent: no run waits for it. */
    run: AskingStep.optional(),
    assignee: Assignee.default({}),
    exclude: z
      .object({
        /** True: who requested or resubmitted the task does not decide it. */
        requester: z.boolean().default(false),
        /** True: who decided in an earlier round does not decide again. */
        deciders: z.boolean().default(false),
        accounts: z.array(Name).max(100).default([]),
      })
      .default({ requester: false, deciders: false, accounts: [] }),
    quorum: z
      .array(Seats)
      .min(1)
      .max(10)
      .default([{ count: 1 }]),
    priority: TaskPriority.default('high'),
    /** The calendar by which `due…`, `warnBeforeMs` and the times of levels count; absent: plain time. */
    calendar: CalendarName.optional(),
    /** Time of each turn; with `dueDays` absent too: no deadline. */
    dueMs: Span.optional(),
    /** Working days of each turn, before `dueMs`; with a calendar only. */
    dueDays: Days.optional(),
    /** How long before the deadline people are warned; absent: they are not. */
    warnBeforeMs: Span.optional(),
    onDue: OnDue.default(NO_DEADLINE),
    /** How long a claim keeps others away. */
    claimMs: Span.default(DEFAULT_CLAIM_MS),
  })
  .superRefine(({ outcomes, onDue, dueMs, dueDays, warnBeforeMs, calendar }, context) => {
    const names = outcomes.map(({ name }) => name);
    if (new Set(names).size < names.length) context.addIssue('outcomes: a name is given twice');
    if (onDue.end.kind === 'outcome' && !names.includes(onDue.end.outcome)) {
      context.addIssue(`onDue: "${onDue.end.outcome}" is not an outcome`);
    }
    if ((dueMs ?? dueDays) === undefined && warnBeforeMs !== undefined) {
      context.addIssue('warnBeforeMs needs dueMs or dueDays');
    }
    const days = [dueDays, ...onDue.levels.map((level) => level.dueDays)];
    if (calendar === undefined && days.some((count) => count !== undefined)) {
      context.addIssue('dueDays needs a calendar');
    }
  });
export type TaskRequest = z.infer<typeof TaskRequest>;

/** A decision of one person, in this round. */
const Vote = z.object({
  account: Name,
  roles: z.array(Name),
  outcome: Name,
  answer: JsonValue,
  at: Time,
});
export type Vote = z.infer<typeof Vote>;

/** How a task ended. */
export const TaskDecision = z.object({
  status: z.enum(CLOSED_STATUSES),
  /** Null: it ended without one. */
  outcome: Name.nullable(),
  answer: JsonValue,
  /** Everyone whose decision counted; empty where time or the run ended it. */
  by: z.array(Name),
  reason: z.string(),
  at: Time,
});
export type TaskDecision = z.infer<typeof TaskDecision>;

/** The state of a task. */
export const TaskState = z.object({
  request: TaskRequest,
  status: TaskStatus,
  /** Goes up when changes were made and the task is submitted again. */
  round: z.number().int().positive(),
  /** Levels of escalation that it has gone up. */
  level: z.number().int().nonnegative(),
  assignee: Assignee,
  /** Changes of the assignee, the first included: a notification for each. */
  assignments: z.number().int().positive(),
  claim: z.object({ account: Name, until: Time }).nullable(),
  votes: z.array(Vote),
  /** Who decided in earlier rounds. */
  deciders: z.array(Name),
  /** Who requested or resubmitted it. */
  requesters: z.array(Name),
  /** The calendar that it counts by, as it was when it began; absent: plain time. */
  calendar: PinnedCalendar.optional(),
  /** End of this turn; null: none. */
  due: Time.nullable(),
  /** True: changes were asked for, and the task was not submitted again. */
  changesDue: z.boolean(),
  /** True: the warning of this turn was given. */
  warned: z.boolean(),
  /** True: the last deadline has passed, and nothing follows. */
  overdue: z.boolean(),
  requestedAt: Time,
  /** Time of the last change; a comment changes nothing. */
  changedAt: Time,
  decision: TaskDecision.nullable(),
});
export type TaskState = z.infer<typeof TaskState>;

/** Whether someone can still decide the task. */
export function isOpen({ status }: Pick<TaskState, 'status'>): boolean {
  return (OPEN_STATUSES as readonly string[]).includes(status);
}
