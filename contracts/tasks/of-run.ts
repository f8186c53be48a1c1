/**
 * What a run and its tasks say to each other. The run asks by activities; the task answers by a signal.
 *
 * Invariant: one place of a run (step, iteration, rewind) has one base name, so it asks once, however often
 * it runs. A task that ended without an answer is followed by another one, with a number behind that name.
 */
import { z } from 'zod';
import { JsonValue } from '../json.js';
import { TaskDecision, TaskRequest } from './task.js';

/** The signal by which a task tells its run how it has ended. */
export const REPORT_SIGNAL = 'taskEnded';

/** Follow-ups of one place. */
export const MOST_FOLLOW_UPS = 1_000;

/** The name of the n-th task of a place, from 1. */
export function followUp(base: string, n: number): string {
  return n === 1 ? base : `${base}#${n}`;
}

/** Whether a task belongs to the place with the base name. */
export function isOfPlace(base: string, item: string): boolean {
  return item === base || item.startsWith(`${base}#`);
}

/** Whether a task ended without an answer, so that its place asks again. */
export function endedUnanswered(status: TaskDecision['status']): boolean {
  return status === 'withdrawn' || status === 'superseded';
}

/** How a task ended. One of the two is null. */
export const TaskReport = z.object({
  item: z.string(),
  decision: TaskDecision.nullable(),
  /** The task could not be kept. */
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type TaskReport = z.infer<typeof TaskReport>;

/** Argument of `sluice.openTask`: the request, whose `item` is the base name. */
export const OpenTask = TaskRequest;

/** Its answer: the task that the step waits for, and its decision if it has ended. */
export const OpenedTask = z.object({ item: z.string(), decision: TaskDecision.nullable() });
export type OpenedTask = z.infer<typeof OpenedTask>;

/** Argument of `sluice.endTask`. */
export const EndTask = z.object({
  tenant: z.string(),
  /** A name, or a base name with its follow-ups. */
  item: z.string(),
  action: z.enum(['withdraw', 'supersede']),
  reason: z.string(),
});
export type EndTask = z.infer<typeof EndTask>;

/** Argument of `sluice.actOnTask`: what someone sent to the run instead of the task. */
export const ActOnTask = z.object({ tenant: z.string(), item: z.string(), act: JsonValue });

/** Its answer: why it was refused; null: it took place. */
export const ActedOnTask = z.object({ refused: z.string().nullable() });
export type ActedOnTask = z.infer<typeof ActedOnTask>;

/** Payload of the signal `humanTask`: an act, and which open task of the run it is about. */
export const SignalledAct = z.looseObject({
  /** Id of the step; absent, like `item`: the one task that is open. */
  step: z.string().optional(),
  item: z.string().optional(),
  action: z.string(),
  actor: z.string(),
});
