/** An action as its author writes it. `actions/` has the registry; `activities/` runs actions. */
import type { z } from 'zod';
import type { StageTarget } from '../authorization.js';
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

/** What an action gets besides its input. */
export interface ActionContext {
  readonly log: ActionLogger;
  /** Sends Temporal a heartbeat with progress for the Web UI. Sluice also sends heartbeats by itself. */
  heartbeat(progress?: Json): void;
  /** Aborts on cancellation, on timeout and on worker shutdown: pass it to every I/O call. */
  readonly signal: AbortSignal;
  /** Equal for every repetition of this step execution: pass it to the service that you call. */
  readonly idempotencyKey: string;
  /** The attempt of the step's retry policy, from 1. */
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
  /** Reads a secret by name from the worker's provider; throws SECRET_NOT_FOUND for an unknown name. */
  secret(name: string): Promise<string>;
  /**
   * Asks the policies whether the action may send to this address: call it before each request, redirects
   * included. Does nothing where authorization is off, or where this was permitted before the action began.
   * @throws SluiceError UNAUTHORIZED, with which the attempt ends, also if the action catches it
   */
  mayReach(url: URL, method: string): void;
  /** The text without the secrets that the action has read: call it before you cut a text. */
  redact(text: string): string;
  /** Database writes that commit with the step. */
  readonly writes: DomainWrites;
  /** What to undo, if the action runs as a compensation. */
  readonly compensation?: CompensationPayload;
  /** Records the id of something that the action made, for a compensation to undo. */
  artifact(id: string): void;
}

export interface ActionDefinition<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  /** `<domain>.<verb>`, e.g. `payments.charge`; it is the Temporal activity type. */
  readonly id: string;
  readonly version: number;
  readonly description?: string;
  /**
   * True: the action reads and computes, and changes nothing except through `writes`, so an unrecorded extra
   * call is harmless. If it ends within 200 ms, one transaction records its begin and its outcome. Otherwise,
   * and by default, its begin is recorded before it acts.
   */
  readonly readOnly?: boolean;
  /**
   * Where it would send its request, for policies, which decide before it begins. The input has its secrets
   * unresolved and is not checked yet.
   */
  target?(input: Json): StageTarget | undefined;
  /** Parses the input with secrets resolved; a refusal is ACTION_INPUT_INVALID. */
  readonly input: I;
  /** Parses the output; a refusal is ACTION_OUTPUT_INVALID. */
  readonly output: O;
  /** Does the work. Throw a SluiceError with your own code for an error that a definition can catch. */
  run(input: z.output<I>, context: ActionContext): Promise<z.input<O>> | z.input<O>;
}
