import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import { idOf, pretendToWork } from './pretend.js';

export const sendNotification = defineAction({
  id: 'notifications.send',
  version: 1,
  description: 'Sends a mail made from a template.',
  input: z.strictObject({
    to: z.string().min(1),
    template: z.string().min(1),
    data: z.record(z.string(), z.json()).optional(),
  }),
  output: z.object({ messageId: z.string() }),
  async run({ to, template }, context) {
    await pretendToWork(context, 20);
    if (to.startsWith('full@')) {
      throw new SluiceError('MAILBOX_FULL', `The mailbox of ${to} is full`, { retryable: false });
    }
    context.log.info('Mail sent', { template });
    return { messageId: idOf('msg', context) };
  },
});
