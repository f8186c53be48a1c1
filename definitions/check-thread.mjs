// The entry of a thread that checks. The sources are TypeScript, and run as they are in a thread too.
import { register } from 'tsx/esm/api';

register();
await import('./check-thread.ts');
