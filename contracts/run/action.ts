/**
 * An action as its author writes it. `actions/` has the registry; `activities/` runs one.
 */
import type { z } from 'zod';
import type { Json, JsonObject } from '../json.js';
import type { CompensationPayload } from './compensation.js';

/** Collects database writes that commit in one transaction with the step's outcome, or not at all. */
export interface DomainWrites {
  /**
   * Queues one SurrealQL statement.
   * @param label what the statement does, for error messages, e.g. `payment.create`
   * @param statement one SurrealQL statement without BEGIN or COMMIT
   * @param variables bound by name, as `$name`
   */
  add(label: string, statement: string, variables?: Readonly<Record<string, unknown>>): void;
}

export interface ActionLogger {
  debug(message: string, fields?: JsonObject): void;
  info(message: string, fields?: JsonObject): void;
  warn(message: string, fields?: JsonObject): void;
  error(message: string, fields?: JsonObject): void;
}

/** What an action gets beside its input. */
export interface ActionContext {
  readonly log: ActionLogger;
  /** Tells Temporal that the action is alive; it also beats by itself. `progress` shows in the Web UI. */
  heartbeat(progress?: Json): void;
  /** Aborted on cancellation, on timeout and on worker shutdown: pass it to every I/O call. */
  readonly signal: AbortSignal;
  /** The same over every repetition of this step execution: give it to the service that you call. */
  readonly idempotencyKey: string;
  /** The author's attempt, from 1. */
  readonly attempt: number;
  readonly run: {
    readonly runId: string;
    readonly workflowId: string;
    readonly tenant: string;
    readonly actor: string;
    readonly definition: string;
    readonly version: number;
  };
  readonly step: { readonly id: string; readonly path: string; readonly iteration: readonly number[] };
  readonly system: { readonly environment: string; readonly region: string; readonly release: string };
  /** Reads a secret by name from the worker's provider; SECRET_NOT_FOUND where there is none. */
  secret(name: string): Promise<string>;
  /** Database writes that commit with the step. */
  readonly writes: DomainWrites;
  /** What is to be undone, where the action runs as a compensation. */
  readonly compensation?: CompensationPayload;
  /** Records what the action made, as ids that a compensation is given to undo. */
  artifact(id: string): void;
}

export interface ActionDefinition<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  /** `<domain>.<verb>`, e.g. `payments.charge`; it is the Temporal activity type. */
  readonly id: string;
  readonly version: number;
  readonly description?: string;
  /**
   * True: it reads and computes, and changes nothing but through `writes`, so that to call it once more than is
   * recorded does no harm. One that ends within 200 ms is then recorded in one transaction, its begin with its outcome;
   * else, by default, its begin is recorded before it acts.
   */
  readonly readOnly?: boolean;
  /** Parses the input, secrets resolved; a refusal is ACTION_INPUT_INVALID. */
  readonly input: I;
  /** Parses the output; a refusal is ACTION_OUTPUT_INVALID. */
  readonly output: O;
  /** Does the work. Throw a SluiceError with a code of your own for an error that a definition can catch. */
  run(input: z.output<I>, context: ActionContext): Promise<z.input<O>> | z.input<O>;
}
