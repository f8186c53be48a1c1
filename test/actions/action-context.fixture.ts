import type { ActionContext } from '../../contracts/run/action.js';
import { SluiceError } from '../../contracts/errors.js';

/** A context for running an action without a worker: what it logs is kept, it has no secrets. */
export function actionContext(changes: Partial<ActionContext> = {}): ActionContext & { lines: string[] } {
  const lines: string[] = [];
  const write =
    (level: string) =>
    (message: string, fields: object = {}) => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
  return {
    lines,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    heartbeat: () => undefined,
    signal: new AbortController().signal,
    idempotencyKey: 'key-1',
    attempt: 1,
    run: {
      runId: 'r',
      workflowId: 'w',
      tenant: 'default',
      actor: 'tester',
      definition: 'd',
      version: 1,
    },
    step: { id: 's', path: 'steps[0]', iteration: [] },
    system: { environment: 'test', region: 'local', release: '0' },
    secret: (name) => Promise.reject(new SluiceError('SECRET_NOT_FOUND', name)),
    mayReach: () => undefined,
    redact: (text) => text,
    writes: { add: () => undefined },
    artifact: () => undefined,
    ...changes,
  };
}
