/**
 * What an action sees of the world. Invariant: everything that an action passes through it is redacted. After
 * `close` it accepts nothing, because the outcome has been decided without the action.
 */
import type { Context } from '@temporalio/activity';
import { targetOf } from '../../contracts/authorization.js';
import type { ActionContext, ActionLogger } from '../../contracts/run/action.js';
import type { ActionEnvelope } from '../../contracts/run/activity.js';
import { SluiceError } from '../../contracts/errors.js';
import type { Json, JsonObject } from '../../contracts/json.js';
import { collectWrites, type DomainStatement } from '../../contracts/run/projection.js';
import type { SecretProvider } from '../boundary/deps.js';
import { toJsonOrText } from '../boundary/json-output.js';
import type { SecretRedactor } from '../boundary/redactor.js';
import { readSecret } from '../boundary/secrets.js';
import type { Permit } from '../boundary/permit.js';

export interface OpenContext {
  readonly context: ActionContext;
  /** The writes that the action queued and the artifacts that it recorded so far, redacted. */
  collected(): { readonly statements: readonly DomainStatement[]; readonly artifacts: readonly string[] };
  close(): void;
}

export interface OpenContextOptions {
  readonly temporal: Context;
  readonly envelope: ActionEnvelope;
  readonly redactor: SecretRedactor;
  readonly secrets: SecretProvider;
  readonly permit: Permit;
  readonly signal: AbortSignal;
  readonly beat: (progress: Json | undefined) => void;
}

export function openContext(options: OpenContextOptions): OpenContext {
  const { temporal, envelope, redactor, secrets, signal, beat } = options;
  const { run, step, actor, system } = envelope;
  const collector = collectWrites();
  const artifacts = new Set<string>();
  let open = true;
  const whileOpen = (what: string): void => {
    if (!open) {
      throw new SluiceError('INTERNAL', `The step has ended without the action: ${what} comes too late`);
    }
  };

  const context: ActionContext = {
    log: redactedLogger(temporal, redactor, { runId: run.runId, stepPath: step.path, tenant: run.tenant }),
    heartbeat(progress) {
      if (open) beat(progress === undefined ? undefined : redactor.remainsIn(toJsonOrText(progress)));
    },
    signal,
    idempotencyKey: envelope.idempotencyKey,
    attempt: step.attempt,
    run: {
      runId: run.runId,
      // A compensation that is retried as a dead letter runs in another workflow, but belongs to its run.
      workflowId:
        options.envelope.compensation?.workflow_id ?? temporal.info.workflowExecution?.workflowId ?? '',
      tenant: run.tenant,
      actor,
      definition: run.definition,
      version: run.version,
    },
    step: { id: step.id, path: step.path, iteration: step.iteration },
    system,
    ...(options.envelope.compensation !== undefined && { compensation: options.envelope.compensation }),
    async secret(name) {
      options.permit.secret(name);
      return await readSecret({ provider: secrets, redactor, owner: envelope.run }, name);
    },
    mayReach: (url, method) => options.permit.target(targetOf(url, method)),
    redact: (text) => redactor.remains(text),
    writes: {
      add(label, statement, variables) {
        whileOpen(`the write ${label}`);
        collector.writes.add(label, statement, variables);
      },
    },
    artifact(id) {
      whileOpen(`the artifact ${id}`);
      artifacts.add(id);
    },
  };
  return {
    context,
    collected: () => ({
      statements: collector.statements.map(({ label, statement, variables }) => ({
        label,
        statement: redactor.text(statement),
        variables: redactor.variables(variables),
      })),
      artifacts: [...artifacts].map((id) => redactor.text(id)),
    }),
    close() {
      open = false;
    },
  };
}

function redactedLogger(temporal: Context, redactor: SecretRedactor, about: JsonObject): ActionLogger {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: JsonObject = {}): void => {
      const redacted = redactor.remainsIn(toJsonOrText(fields)) as JsonObject;
      temporal.log[level](redactor.remains(message), { ...redacted, ...about });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
