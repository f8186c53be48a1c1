import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import { idOf, pretendToWork } from './pretend.js';

const Channel = z.enum(['email', 'chat', 'pager']);

export const notify = defineAction({
  id: 'tickets.notify',
  version: 1,
  description: 'Notifies someone about a ticket.',
  input: z.strictObject({ ticketId: z.string(), channel: Channel, to: z.string(), message: z.string() }),
  output: z.object({ notificationId: z.string(), channel: Channel }),
  async run({ channel, to }, context) {
    await pretendToWork(context, 20);
    if (to.startsWith('down@')) throw new SluiceError('CHANNEL_DOWN', `The channel ${channel} is down`);
    return { notificationId: idOf('ntf', context), channel };
  },
});

export const escalate = defineAction({
  id: 'tickets.escalate',
  version: 1,
  description: 'Passes a ticket to the next level.',
  input: z.strictObject({ ticketId: z.string(), level: z.int().positive(), reason: z.string() }),
  output: z.object({ ticketId: z.string(), level: z.int(), assignee: z.string() }),
  async run({ ticketId, level }, context) {
    await pretendToWork(context, 20);
    return { ticketId, level, assignee: `level-${level}@support.example` };
  },
});

export const close = defineAction({
  id: 'tickets.close',
  version: 1,
  description: 'Closes a ticket.',
  input: z.strictObject({ ticketId: z.string(), resolution: z.string() }),
  output: z.object({ ticketId: z.string(), resolution: z.string(), closed: z.literal(true) }),
  async run({ ticketId, resolution }, context) {
    await pretendToWork(context, 20);
    return { ticketId, resolution, closed: true as const };
  },
});
