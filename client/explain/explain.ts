/**
 * What happened to one run, in plain words: its step, the attempts, what the called service answered, who
 * acted on it, and what would help.
 *
 * Invariants
 * - It is made of what the run's own reads show, so a value that they hide is hidden here.
 * - A secret is told by its name. Names come from the markers in the ledger's input, and from the error.
 * - Reads are bounded; where a list was cut, `cut` says which.
 */
import { ERRORS, type RunError } from '../../contracts/errors.js';
import { isJsonObject, type Json } from '../../contracts/json.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { NO_VERSION, TERMINAL_RUN_STATUSES, type RunRef } from '../../contracts/run/run.js';
import type {
  AuditView,
  EventView,
  InvocationView,
  Page,
  PageRequest,
  RunView,
  StepView,
  WaitView,
} from '../../projections/index.js';
import { findFailedStep } from '../bulk/repeated.js';
import type { ExplainedAct, ExplainedAttempt, RunExplanation } from './explanation.js';
import { explanationText } from './text.js';

/** The reads of one run, as they are shown to who asks. */
export interface ShownParts {
  readonly run: RunView & { readonly reruns: readonly RunRef[]; readonly pausedParts: number };
  steps(page: PageRequest): Promise<Page<StepView>>;
  events(page: PageRequest): Promise<Page<EventView>>;
  waits(page: PageRequest): Promise<Page<WaitView>>;
  invocations(page: PageRequest): Promise<Page<InvocationView>>;
  audit(page: PageRequest): Promise<Page<AuditView>>;
}

/** Pages of each list that are read, and entries of a page. */
const PAGES = 10;
const PAGE_SIZE = 500;
/** Waits and acts that are told. */
const TOLD = 20;

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function explainRun(parts: ShownParts): Promise<RunExplanation> {
  const { run } = parts;
  const cut: string[] = [];
  const all = async <T>(name: string, read: (page: PageRequest) => Promise<Page<T>>): Promise<T[]> => {
    const items: T[] = [];
    let after: string | undefined;
    for (let n = 0; n < PAGES; n++) {
      const page = await read({ limit: PAGE_SIZE, ...(after !== undefined && { after }) });
      items.push(...page.items);
      if (page.next === null) return items;
      after = page.next;
    }
    cut.push(name);
    return items;
  };
  const steps = await all('steps', (page) => parts.steps(page));
  const events = await all('events', (page) => parts.events(page));
  const waits = await all('waits', (page) => parts.waits(page));
  const audit = (await parts.audit({ limit: TOLD })).items;
  const last = stepOf(run, steps);
  const attempts = last === undefined ? [] : attemptsOf(steps, last);
  const error = run.error ?? last?.error ?? null;
  const answer = answerOf(error) ?? answerOf(last?.error ?? null);
  const used = last?.idempotencyKey ?? null;
  const uses = used === null ? [] : await all('invocations', (page) => parts.invocations(page));
  const open = TERMINAL_RUN_STATUSES.includes(run.status)
    ? []
    : waits.filter(({ status }) => status === 'WAITING').slice(0, TOLD);
  const facts = {
    runId: run.runId,
    workflowId: run.workflowId,
    definition: run.definition,
    version: run.version === NO_VERSION ? null : run.version,
    status: run.status,
    step:
      last === undefined
        ? null
        : { path: last.path, iteration: last.iteration, id: last.id, action: last.action, attempts },
    error: error && { code: error.code, message: error.message },
    answer: answer ?? null,
    secrets: secretsOf(
      uses.find(({ idempotencyKey }) => idempotencyKey === used),
      answer,
    ),
    waits: open.map(({ path, eventNames, correlationKey, openedAt, deadline }) => ({
      path,
      eventNames,
      correlationKey,
      openedAt,
      deadline,
    })),
    acts: actsOf(run, events, audit),
    cut,
  };
  return { ...facts, help: helpFor(run, facts, events), text: explanationText(run, facts) };
}

/** The step at which the run failed, or the one that it is at. */
function stepOf(run: RunView, steps: readonly StepView[]): StepView | undefined {
  const own = steps.filter(({ undoes }) => undoes === null);
  if (run.status === 'SUCCEEDED') return undefined;
  if (TERMINAL_RUN_STATUSES.includes(run.status)) {
    return (
      findFailedStep(own, run.error?.stepPath ?? null) ?? own.findLast(({ status }) => status === 'CANCELED')
    );
  }
  return steps.findLast(({ status }) => ['RETRYING', 'WAITING', 'RUNNING'].includes(status));
}

function attemptsOf(steps: readonly StepView[], { path, iteration }: StepView): ExplainedAttempt[] {
  return steps
    .filter((step) => step.path === path && step.iteration.join(',') === iteration.join(','))
    .map(({ attempt, status, startedAt, endedAt, error }) => ({
      attempt,
      status,
      startedAt,
      endedAt,
      error: error && { code: error.code, message: error.message },
    }));
}

/** What a service answered: the details of an error that has a status. */
function answerOf(error: RunError | null): Json | undefined {
  const details = error?.details ?? null;
  return isJsonObject(details) && typeof details.status === 'number' ? details : undefined;
}

function secretsOf(use: InvocationView | undefined, answer: Json | undefined): string[] {
  const names = new Set<string>();
  const walk = (value: Json): void => {
    if (Array.isArray(value)) {
      value.forEach(walk);
    } else if (isJsonObject(value)) {
      if (typeof value.$secret === 'string') names.add(value.$secret);
      else Object.values(value).forEach(walk);
    }
  };
  walk(use?.input ?? null);
  if (isJsonObject(answer) && Array.isArray(answer.secrets)) {
    for (const name of answer.secrets) if (typeof name === 'string') names.add(name);
  }
  return [...names].sort();
}

/** The acts that the log and the audit know. */
function actsOf(run: RunView, events: readonly EventView[], audit: readonly AuditView[]): ExplainedAct[] {
  const acts: ExplainedAct[] = [
    { at: run.startedAt, who: run.actor, act: 'started', reason: null },
    ...events.flatMap((event) => actOfEvent(event) ?? []),
    ...audit.map(({ at, subject, act, outcome, code }) => ({
      at,
      who: subject,
      act: `${act} (${code === null ? outcome : `${outcome} ${code}`}, over the API)`,
      reason: null,
    })),
  ];
  return acts.sort((a, b) => Date.parse(a.at) - Date.parse(b.at)).slice(-TOLD);
}

function actOfEvent(event: EventView): ExplainedAct | undefined {
  const at = new Date(event.at).toISOString();
  const { type, data } = event as RunEvent;
  if (type === 'RUN_CANCEL_REQUESTED') {
    return { at, who: data.actor ?? null, act: 'asked it to cancel', reason: data.reason ?? null };
  }
  if (type === 'RUN_REWOUND') {
    return { at, who: data.actor ?? null, act: `rewound it to ${data.step}`, reason: data.reason ?? null };
  }
  if (type === 'RUN_RECONCILED') {
    return {
      at,
      who: data.actor ?? null,
      act: `ended it from outside (${data.status})`,
      reason: data.reason,
    };
  }
  return undefined;
}

/** HTTP statuses by which a service refuses who asks. */
const REFUSED_WHO: readonly number[] = [401, 403];

type Facts = Omit<RunExplanation, 'help' | 'text'>;

/** What would help, the most particular first. */
function helpFor(run: ShownParts['run'], facts: Facts, events: readonly EventView[]): string[] {
  const { runId, status, error, answer, secrets, step } = facts;
  const help: string[] = [];
  const said = isJsonObject(answer) ? answer.status : undefined;
  if (typeof said === 'number' && REFUSED_WHO.includes(said)) {
    help.push(
      secrets.length === 0
        ? `The service refused who asked (${said}), and the step used no secret.`
        : `The service refused who asked (${said}): look at the secret ${secrets.join(', ')}. The next attempt reads it anew.`,
    );
  }
  if (run.pausedParts > 0) help.push(`Something of it is paused: sluice runs show ${runId}`);
  for (const { runId: rerun } of run.reruns.slice(0, 1)) {
    help.push(`It was re-run; look at that first: sluice runs explain ${rerun}`);
  }
  if (error !== null && Object.hasOwn(ERRORS, error.code)) {
    help.push(ERRORS[error.code as keyof typeof ERRORS].help);
  }
  if (status === 'INTERRUPTED') help.push('Whose is this database? sluice database owner');
  if (events.some(({ type, superseded }) => type === 'COMPENSATION_FAILED' && !superseded)) {
    help.push(`A compensation failed, so its effect remains: sluice dead-letters list --run ${runId}`);
  }
  if (status === 'FAILED' || status === 'TIMED_OUT' || status === 'TERMINATED') {
    if (step !== null) {
      const turn = step.iteration.length === 0 ? '' : ` --iteration ${step.iteration.join(',')}`;
      help.push(
        `After the cause is gone, go on from that step: sluice runs rewind ${runId} '${step.path}'${turn}`,
      );
    }
  }
  for (const { eventNames } of facts.waits) {
    const [name] = eventNames;
    if (name !== undefined) help.push(`Was it sent? sluice events list --name ${JSON.stringify(name)}`);
  }
  return [...new Set(help)];
}
