/**
 * `sluice.deadLetters`: reads dead letters and acts on them. Each call is one act.
 *
 * Invariant: an act that is repeated after a lost acknowledgement changes nothing: the store recognises it by
 * its text, which the workflow fixes, time included. What is shown of a letter is decided by the place that
 * decides it for API and bridge ([marked-values-are-nowhere]), before it gets into a history.
 */
import { Context } from '@temporalio/activity';
import { z } from 'zod';
import type { RunStatus } from '../contracts/run/run.js';
import { ActionEnvelope } from '../contracts/run/activity.js';
import { compensationPath } from '../contracts/run/compensation.js';
import {
  DeadLetterActivityRequest,
  RetryWith,
  type BegunRetry,
  type DeadLetterAct,
  type DeadLetterView,
} from '../contracts/events/dead-letter.js';
import { SluiceError } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';
import type { ActivityDeps } from './boundary/deps.js';
import { storeFailure } from './boundary/failures.js';
import { parseOrRefuse } from './boundary/parse.js';

/**
 * Does one act.
 * @param value a DeadLetterActivityRequest
 * @returns a page for `list`, a letter for `show`, what is left to do for `begin`, else null
 * @throws ApplicationFailure DEAD_LETTER_NOT_FOUND, DEAD_LETTER_CLOSED, DEAD_LETTER_NOT_RETRYABLE,
 * DEAD_LETTER_UNCONFIRMED; retryable while the database is away
 */
export async function actOnDeadLetters(deps: ActivityDeps, value: unknown): Promise<Json> {
  const done = await doAct(deps, value);
  const { act, error } = Act.parse(value);
  const counted = act === 'end' ? (error === undefined ? 'retried' : 'failed') : COUNTED[act];
  if (counted !== undefined) {
    Context.current()
      .metricMeter.createCounter('sluice_dead_letter_acts', undefined, 'Acts on dead letters')
      .add(1, { act: counted });
  }
  return done;
}

/** What of a request the counter shows. */
const Act = z.object({ act: z.string(), error: z.string().optional() });
const COUNTED: Readonly<Record<string, string>> = { dismiss: 'dismiss', begin: 'retry' };

async function doAct(deps: ActivityDeps, value: unknown): Promise<Json> {
  const request = parseOrRefuse(DeadLetterActivityRequest, value, 'The request about dead letters');
  const { deadLetters: letters, shownLetters: shown } = deps;
  if (letters === undefined || shown === undefined) {
    throw storeFailure(new SluiceError('INTERNAL', 'This worker keeps no dead letters'));
  }
  try {
    switch (request.act) {
      case 'list': {
        const { tenant, filter, after, limit, unredacted } = request;
        const page = await letters.list(tenant, filter, { after, limit });
        const items =
          unredacted === true
            ? page.items
            : await Promise.all(page.items.map((item) => shown.summary(tenant, item)));
        return { items: items.map((item) => ({ ...item })), next: page.next };
      }
      case 'show': {
        const letter = await find(letters, request);
        return { ...(request.unredacted === true ? letter : await shown.letter(request.tenant, letter)) };
      }
      case 'dismiss':
        await letters.move(request.tenant, request.id, {
          from: ['OPEN'],
          to: 'DISMISSED',
          act: actOf('dismiss', request),
        });
        return null;
      case 'begin': {
        const letter = await find(letters, request);
        const begun = begin(deps, letter, request.actor);
        if (request.historyGone !== true) await requireHistoryGone(letters, request.tenant, letter);
        const trigger =
          letter.kind === 'trigger'
            ? { tenant: request.tenant, ...RetryWith.trigger.parse(letter.retryWith) }
            : undefined;
        if (trigger !== undefined) await requireTrigger(letters, letter, trigger);
        const outbox = letter.kind === 'outbox' ? RetryWith.outbox.parse(letter.retryWith).key : undefined;
        if (outbox !== undefined && !(await letters.hasOutbox(outbox))) {
          throw new SluiceError(
            'DEAD_LETTER_NOT_RETRYABLE',
            `Retention has removed ${letter.subject} with its run: publish it anew from the body of ${letter.id}`,
          );
        }
        const retry = actOf('retry', { ...request, note: notedBy(request) });
        await letters.move(request.tenant, request.id, {
          // A retry that lost its workflow may begin again: each letter has one workflow.
          from: ['OPEN', 'RETRYING'],
          to: 'RETRYING',
          act: retry,
        });
        if (outbox !== undefined) await letters.requeueOutbox(outbox);
        if (trigger !== undefined) await letters.requeueTrigger(trigger, letter.id, retry);
        return begun as unknown as Json;
      }
      case 'end': {
        const { error } = request;
        await letters.move(request.tenant, request.id, {
          from: ['RETRYING'],
          to: error === undefined ? 'RETRIED' : 'OPEN',
          act: actOf(error === undefined ? 'retried' : 'failed', { ...request, note: error ?? request.note }),
        });
        return null;
      }
    }
  } catch (error) {
    throw storeFailure(error);
  }
}

/**
 * Refuses to undo what a run may still undo itself, or go on with: Temporal did not know the run, but a
 * Temporal that is restored, or the right one, may.
 * @throws SluiceError DEAD_LETTER_UNCONFIRMED
 */
async function requireHistoryGone(
  letters: NonNullable<ActivityDeps['deadLetters']>,
  tenant: string,
  { id, kind, runId, subject }: DeadLetterView,
): Promise<void> {
  if (kind !== 'compensation' || runId === null) return;
  if ((await letters.runStatus(tenant, runId)) !== INTERRUPTED) return;
  throw new SluiceError(
    'DEAD_LETTER_UNCONFIRMED',
    `${id} (${subject}): its run ${runId} is INTERRUPTED, and no person has confirmed that its history is gone`,
  );
}

/** The note of a retry; a confirmation is a part of it, so that the audit has who gave it. */
function notedBy({
  note,
  historyGone,
}: {
  readonly note?: string | undefined;
  readonly historyGone?: boolean | undefined;
}): string | undefined {
  if (historyGone !== true) return note;
  const confirmation = 'the history of the run was confirmed to be gone';
  return note === undefined ? confirmation : `${note}; ${confirmation}`;
}

/**
 * Refuses a retry that could only fail; the letter stays as it is.
 * @throws SluiceError DEAD_LETTER_NOT_RETRYABLE
 */
async function requireTrigger(
  letters: NonNullable<ActivityDeps['deadLetters']>,
  { id, subject }: DeadLetterView,
  trigger: Parameters<NonNullable<ActivityDeps['deadLetters']>['triggerObstacle']>[0],
): Promise<void> {
  const obstacle = await letters.triggerObstacle(trigger);
  if (obstacle === undefined) return;
  throw new SluiceError(
    'DEAD_LETTER_NOT_RETRYABLE',
    obstacle === 'event'
      ? `Retention has removed the event of ${subject}: send it anew from the body of ${id}`
      : `No published version of "${trigger.definition}" has a trigger for the event of ${subject}: publish one, and retry`,
  );
}

/** Temporal did not know the run when the reconciler looked. */
const INTERRUPTED: RunStatus = 'INTERRUPTED';

async function find(
  letters: NonNullable<ActivityDeps['deadLetters']>,
  { tenant, id }: { readonly tenant: string; readonly id: string },
): Promise<DeadLetterView> {
  const letter = await letters.get(tenant, id);
  if (letter !== undefined) return letter;
  throw new SluiceError('DEAD_LETTER_NOT_FOUND', `Tenant "${tenant}" has no dead letter ${id}`);
}

function actOf(
  act: DeadLetterAct['act'],
  {
    actor,
    note,
    at,
  }: { readonly actor: string; readonly note?: string | undefined; readonly at?: string | undefined },
): DeadLetterAct {
  // The time is equal for every attempt of the activity, so the store recognises a repetition.
  const scheduled = new Date(Context.current().info.scheduledTimestampMs).toISOString();
  return { at: at ?? scheduled, actor, act, note: note ?? null };
}

/** What a retry has to do: the original work, under the same idempotency key. */
function begin({ system }: ActivityDeps, letter: DeadLetterView, actor: string): BegunRetry {
  if (!letter.canRetry) {
    throw new SluiceError(
      'DEAD_LETTER_NOT_RETRYABLE',
      `${letter.id} (${letter.subject}) can only be dismissed`,
    );
  }
  switch (letter.kind) {
    case 'event':
      return { kind: 'event', envelope: RetryWith.event.parse(letter.retryWith).envelope };
    case 'delivery':
      return { kind: 'signal', ...RetryWith.delivery.parse(letter.retryWith) };
    case 'outbox':
      return { kind: 'done' };
    case 'trigger':
      return { kind: 'left' };
    case 'compensation': {
      const { run, action, version, input, key, step, attempts, timeoutMs, payload, secrets, tags } =
        RetryWith.compensation.parse(letter.retryWith);
      const retries = letter.acts.filter(({ act }) => act === 'failed').length;
      const envelope = ActionEnvelope.parse({
        run,
        actor,
        step: {
          path: compensationPath(step.path),
          id: step.id,
          iteration: step.iteration,
          attempt: attempts + retries + 1,
        },
        actionVersion: version,
        idempotencyKey: key,
        timeoutMs,
        system,
        compensation: payload,
        events: [],
        ...(secrets !== undefined && { secrets }),
        ...(tags !== undefined && { tags }),
      });
      return { kind: 'action', action, input, envelope };
    }
    case 'notification':
      throw new SluiceError('DEAD_LETTER_NOT_RETRYABLE', `${letter.id} can only be dismissed`);
  }
}
