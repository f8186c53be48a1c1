/** What an application imports: `import { createSluiceClient } from 'sluice/client'`. */
export { createSluiceClient, type SluiceClient, type SluiceClientOptions } from './client.js';
export { callBridge, httpBus, redisBus, type EventBus } from './event-bus.js';
export type { DeadLetterClient, DeadLetterOptions, ListDeadLetters } from './dead-letters.js';
export { runErrorOf } from './errors.js';
export type { PublishOptions, StartOptions, StartedRun } from './options.js';
export { ProgressPrinter } from './progress-printer.js';
