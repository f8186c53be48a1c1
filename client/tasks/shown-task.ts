/**
 * A task without the values that its form marks `writeOnly`, and without those of the run that asks.
 *
 * Invariant (marked-values-are-nowhere): what someone answered in a marked place of the form is `[redacted]`
 * there, and in every text about the task. A marked value that another answer had counts too.
 */
import { isJsonObject, type Json } from '../../contracts/json.js';
import type { TaskEntry, TaskSummary, TaskView } from '../../contracts/tasks/record.js';
import { markedPlaces } from '../redaction/marked-places.js';
import { redactorOfPlaces, type PayloadRedactor } from '../redaction/redaction.js';

/** The forms of a task. */
type Forms = Pick<TaskView, 'form' | 'outcomeForms'>;

/** Whether a form of a task may mark anything. */
export function marks({ form, outcomeForms }: Forms): boolean {
  return JSON.stringify([form, outcomeForms]).includes('"writeOnly":true');
}

/** The answers that a log has, also those that were refused. */
export function answersOf(entries: readonly TaskEntry[]): readonly Json[] {
  return entries.map(({ given }) => answerIn(given));
}

/** The task with its marked values hidden. @param more answers that its log has */
export function hideTask(task: TaskView, more: readonly Json[]): TaskView {
  const { votes, decision } = task;
  const answers = [...votes.map(({ answer }) => answer), decision?.answer ?? null, ...more];
  const { redactor, hidden } = redactorOf(task, answers);
  if (!redactor.hides) return task;
  return {
    ...task,
    title: redactor.text(task.title),
    description: redactor.text(task.description),
    context: redactor.json(task.context),
    votes: votes.map((vote, i) => ({ ...vote, answer: hidden[i] ?? null })),
    decision: decision && {
      ...decision,
      answer: hidden[votes.length] ?? null,
      reason: redactor.text(decision.reason),
    },
  };
}

/** Entries of a log with the marked values hidden. @param more answers of other entries */
export function hideEntries(
  forms: Forms,
  entries: readonly TaskEntry[],
  more: readonly Json[],
): readonly TaskEntry[] {
  const { redactor, hidden } = redactorOf(forms, [...answersOf(entries), ...more]);
  if (!redactor.hides) return entries;
  return entries.map((entry, i) => ({
    ...entry,
    given: givenWith(redactor, entry.given, hidden[i] ?? null),
    refused: entry.refused && { ...entry.refused, message: redactor.text(entry.refused.message) },
  }));
}

function givenWith(redactor: PayloadRedactor, given: Json, answer: Json): Json {
  if (!isJsonObject(given)) return given;
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => [key, key === 'answer' ? answer : redactor.json(value)]),
  );
}

function answerIn(given: Json): Json {
  return isJsonObject(given) ? (given['answer'] ?? null) : null;
}

/** A form that does not apply to an answer may mark it too: rather too much than too little. */
function redactorOf(
  { form, outcomeForms }: Forms,
  answers: readonly Json[],
): { readonly redactor: PayloadRedactor; readonly hidden: readonly Json[] } {
  const schemas = [form, ...Object.values(outcomeForms)].filter(isJsonObject);
  const places = answers.flatMap((answer, i) =>
    schemas.flatMap((schema) => markedPlaces(schema, answer).map((place) => [i, ...place])),
  );
  const redactor = redactorOfPlaces(places, [...answers]);
  return { redactor, hidden: redactor.payload([...answers]) as readonly Json[] };
}

/** A task of a list without the marked values of the run that asks. */
export function hideSummaryOfRun<T extends TaskSummary>(redactor: PayloadRedactor, task: T): T {
  return {
    ...task,
    title: redactor.text(task.title),
    requestedBy: redactor.text(task.requestedBy),
    account: redactor.text(task.account),
    role: redactor.text(task.role),
  };
}

/** A task without the marked values of the run that asks. */
export function hideTaskOfRun(redactor: PayloadRedactor, task: TaskView): TaskView {
  const { votes, decision } = task;
  return {
    ...hideSummaryOfRun(redactor, task),
    description: redactor.text(task.description),
    context: redactor.json(task.context),
    votes: votes.map((vote) => ({ ...vote, answer: redactor.json(vote.answer) })),
    decision: decision && {
      ...decision,
      answer: redactor.json(decision.answer),
      reason: redactor.text(decision.reason),
    },
    notifications: task.notifications.map((notice) => ({
      ...notice,
      to: {
        ...(notice.to.account !== undefined && { account: redactor.text(notice.to.account) }),
        ...(notice.to.role !== undefined && { role: redactor.text(notice.to.role) }),
      },
    })),
  };
}

/** Entries of a log without the marked values of the run that asks. */
export function hideEntriesOfRun(
  redactor: PayloadRedactor,
  entries: readonly TaskEntry[],
): readonly TaskEntry[] {
  return entries.map((entry) => ({
    ...entry,
    given: redactor.json(entry.given),
    refused: entry.refused && { ...entry.refused, message: redactor.text(entry.refused.message) },
  }));
}
