import { describe, it } from 'vitest';
import { exampleTicket } from '../support/example-payloads.js';
import { type GoesDown, goesDown, type Kind, killed, stopped } from './goes-down.js';

const LIMIT_MS = 600_000;
/** Longer than a worker is away: no wait may lose a race because of the crash. */
const HOUR_MS = 3_600_000;
/** Long enough that a worker that starts seven runs at once sees one such time-out before the next. */
const SHORT_MS = 3_000;

const answered: Kind = {
  start: ({ client }, workflowId) =>
    client.start(
      'ticket-escalation',
      exampleTicket(workflowId, { deadlineMs: HOUR_MS, reminderMs: 50, reminders: 2 }),
      { workflowId },
    ),
  async finish(stack, run) {
    await stack.waits(run, 'until-the-end');
    await stack.client.signalEvent(run.workflowId, {
      eventId: 'reply',
      source: 'mail',
      eventName: 'TICKET_REPLIED',
      correlationKey: run.workflowId,
      payload: { from: 'support' },
    });
  },
};
const unanswered = (deadlineMs: number): Kind => ({
  start: ({ client }, workflowId) =>
    client.start('ticket-escalation', exampleTicket(workflowId, { deadlineMs, reminders: 0, levels: 2 }), {
      workflowId,
    }),
});

const ticket: Omit<GoesDown, 'down'> = {
  files: ['examples/ticket-escalation.yaml'],
  undisturbed: { answered, unanswered: unanswered(SHORT_MS) },
  disturbed: {
    'the customer was told': {
      kind: answered,
      like: 'answered',
      at: ({ point, step }) => point === 'acted' && step === 'acknowledge',
    },
    'a reminder goes out': {
      kind: answered,
      like: 'answered',
      at: ({ point, step, iteration }) => point === 'acts' && step === 'remind' && iteration[1] === 1,
    },
    'the ticket waits for a reply': { kind: answered, like: 'answered', waitsAt: ['reply', 'until-the-end'] },
    'the ticket is closed': {
      kind: answered,
      like: 'answered',
      at: ({ point, action }) => point === 'acts' && action === 'tickets.close',
      finishFirst: true,
    },
    // Its second timer is due after twice the time: a worker must be back before that, on a busy machine too.
    'the deadline runs': {
      kind: unanswered(15_000),
      like: 'unanswered',
      waitsAt: ['clock', 'until-the-end'],
    },
    'the ticket goes up': {
      kind: unanswered(SHORT_MS),
      like: 'unanswered',
      at: ({ point, action }) => point === 'acts' && action === 'tickets.escalate',
    },
    'everybody is told': {
      kind: unanswered(SHORT_MS),
      like: 'unanswered',
      at: ({ point, step }) => point === 'acted' && ['tell-customer', 'tell-team', 'page'].includes(step),
      held: 3,
    },
  },
};

describe('ticket-escalation [deployments-fail-no-run]', () => {
  it(
    'a ticket ends as an undisturbed one when its worker is killed in actions, waits, timers and branches, without a retry policy',
    () => goesDown({ ...ticket, change: { retry: false }, down: killed }),
    LIMIT_MS,
  );

  it(
    'a ticket ends as an undisturbed one when a deployment stops its worker at the same points',
    () => goesDown({ ...ticket, down: stopped }),
    LIMIT_MS,
  );
});
