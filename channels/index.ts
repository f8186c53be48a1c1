/** Ways by which a notice reaches people and services. */
export { createEmailChannel, isAddress, type EmailOptions, type EmailTarget } from './email.js';
export type { Channel, Notice } from './notice.js';
export { createWebhookChannel, webhookKey, type WebhookOptions, type WebhookTarget } from './webhook.js';
