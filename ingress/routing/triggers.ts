/**
 * Event triggers: each published definition that names an event, and whose filter holds, starts one run.
 *
 * Invariants
 * - The workflow id is derived from the definition and the event, and is never reused: a second start (a
 *   redelivery, a resumed routing, another bridge) finds it taken. Only the event's own run counts: where a
 *   Temporal client put another one under that id, the event starts its run under the next
 *   (ids-of-tenants-never-meet).
 * - A chain of runs that events of one another start has an end: each run is told how many were started
 *   before it, its events carry that, and past the limit no run is started ([event-chains-end]).
 * - All expressions of one event's triggers together have a bound, and the process takes a turn between two
 *   definitions ([no-check-freezes]): past it a trigger fails with EXPRESSION_BUDGET.
 * - A trigger that fails is noted in the event's audit row and stops no other trigger. Only an error that a
 *   retry resolves (Temporal or the database is away) is thrown; then the whole event is routed again.
 */
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { z } from 'zod';
import { presentAt, type Present, type SluiceClient } from '../../client/index.js';
import type { Definition } from '../../contracts/definition/index.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { eventScope } from '../../contracts/events/event-scope.js';
import type { InboundEvent, ReceivedEvent } from '../../contracts/inbound-event.js';
import { JsonValue, type Json, type JsonObject } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { triggeredId } from '../../contracts/naming/workflow-id.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import { readStoredInBounds, validatePayloadInBounds } from '../../definitions/index.js';
import {
  evaluate,
  evaluateCondition,
  evaluateMapping,
  type EvaluateExpression,
} from '../../expressions/index.js';
import type { TriggerRow } from '../../projections/index.js';
import { isAway } from './availability.js';

/** The actor of these starts in the audit. */
const ACTOR = 'event';
/** Expression work of one definition's triggers after which the process takes a turn. */
const TURN_STEPS = 100_000;
/** Definitions whose payload schema is kept. */
const CACHED_DEFINITIONS = 200;
/** Hexadecimal digits of the event's hash in a workflow id. */
const HASH_DIGITS = 32;
/** Workflow ids of one event's run that may be taken by runs of others. */
const FOREIGN_MOST = 8;

const TriggerSpec = z.object({
  filter: z.union([z.boolean(), z.object({ $expr: z.string() })]),
  payload: JsonValue.optional(),
});

/** The outcome of one trigger. */
export interface TriggerOutcome {
  readonly definition: string;
  readonly version: number;
  /** Its index in the definition's list. */
  readonly position: number;
  readonly status: 'STARTED' | 'FILTERED' | 'ALREADY_STARTED' | 'FAILED';
  readonly workflowId: string | null;
  readonly runId: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export class Triggers {
  private readonly definitions = new Map<string, Definition>();

  constructor(
    private readonly store: Pick<ProjectionStore, 'findDefinition'>,
    private readonly client: Pick<SluiceClient, 'startMade' | 'temporal'>,
    private readonly chainLimit: number,
  ) {}

  /**
   * Starts the runs that the event triggers.
   * @param rows the triggers that name the event
   * @throws SluiceError only where a retry resolves it
   */
  async fire(rows: readonly TriggerRow[], event: ReceivedEvent): Promise<readonly TriggerOutcome[]> {
    const byDefinition = new Map<string, TriggerRow[]>();
    for (const row of rows) {
      byDefinition.set(row.definition, [...(byDefinition.get(row.definition) ?? []), row]);
    }
    const work = { spent: 0 };
    const outcomes: Promise<TriggerOutcome[]>[] = [];
    for (const triggers of byDefinition.values()) {
      const before = work.spent;
      const outcome = this.fireDefinition(triggers, event, work);
      // It is awaited with the others; until then a failure of it is not one that nothing handles.
      outcome.catch(() => undefined);
      outcomes.push(outcome);
      if (work.spent - before > TURN_STEPS) await turn();
    }
    return (await Promise.all(outcomes)).flat();
  }

  /** The triggers of one definition: the first whose filter holds starts the run. */
  private async fireDefinition(
    rows: readonly TriggerRow[],
    event: ReceivedEvent,
    work: { spent: number },
  ): Promise<TriggerOutcome[]> {
    const outcomes: TriggerOutcome[] = [];
    for (const row of [...rows].sort((a, b) => a.position - b.position)) {
      const about = { definition: row.definition, version: row.version, position: row.position };
      const none = { workflowId: null, runId: null, error: null };
      try {
        const payload = triggerPayload(row, event, work);
        if (payload === undefined) {
          outcomes.push({ ...about, ...none, status: 'FILTERED' });
          continue;
        }
        outcomes.push({ ...about, ...none, ...(await this.start(row, payload, event)) });
        return outcomes;
      } catch (thrown) {
        const error = toSluiceError(thrown);
        if (isAway(error)) throw error;
        outcomes.push({
          ...about,
          ...none,
          status: 'FAILED',
          error: { code: error.code, message: error.message },
        });
      }
    }
    return outcomes;
  }

  private async start(
    { definition, version, position }: TriggerRow,
    payload: Json,
    event: ReceivedEvent,
  ): Promise<Pick<TriggerOutcome, 'status' | 'workflowId' | 'runId'>> {
    const chain = (event.chain ?? 0) + 1;
    if (chain > this.chainLimit) {
      throw new SluiceError(
        'EVENT_CHAIN_TOO_DEEP',
        `Events of runs have started ${this.chainLimit} runs in a chain; this would be one more`,
      );
    }
    const schema = await this.schemaOf(event.tenant, definition, version);
    const complete = await validatePayloadInBounds(schema, payload, event.tenant);
    const { tenant, source, id, name, correlationKey } = event;
    const hash = hashOf(event);
    for (let nth = 0; nth < FOREIGN_MOST; nth++) {
      const workflowId = triggeredId(definition, hash, nth);
      try {
        const { runId } = await this.client.startMade(definition, complete, {
          workflowId,
          version,
          tenant,
          actor: ACTOR,
          reuse: 'never',
          sluiceChain: chain,
          correlationKeys: correlationKey === null ? [] : [correlationKey],
          trigger: { type: 'event', position, source, id, name, correlationKey },
        });
        return { status: 'STARTED', workflowId, runId };
      } catch (thrown) {
        const error = toSluiceError(thrown);
        if (error.code !== 'WORKFLOW_ALREADY_STARTED') throw error;
        const present = await presentAt(this.client.temporal, workflowId);
        if (present !== undefined && isRunOf(present, event)) {
          return { status: 'ALREADY_STARTED', workflowId, runId: null };
        }
      }
    }
    throw new SluiceError(
      'WORKFLOW_ID_FOREIGN',
      `${FOREIGN_MOST} runs that this event did not start have the workflow ids of its run`,
    );
  }

  private async schemaOf(tenant: string, id: string, version: number): Promise<JsonObject | undefined> {
    const key = JSON.stringify([tenant, id, version]);
    const cached = this.definitions.get(key);
    if (cached !== undefined) return cached.payloadSchema;
    const stored = await this.store.findDefinition(tenant, id, version);
    if (stored === undefined) {
      throw new SluiceError(
        'DEFINITION_VERSION_NOT_FOUND',
        `Tenant "${tenant}" has no version ${version} of "${id}"`,
      );
    }
    const { definition } = await readStoredInBounds(stored.source, stored.format, tenant);
    this.definitions.set(key, definition);
    if (this.definitions.size > CACHED_DEFINITIONS) {
      this.definitions.delete(this.definitions.keys().next().value as string);
    }
    return definition.payloadSchema;
  }
}

/** The event, in the workflow id of the run that it starts. */
function hashOf({ tenant, source, id }: InboundEvent): string {
  return createHash('sha256')
    .update(JSON.stringify([tenant, source, id]))
    .digest('hex')
    .slice(0, HASH_DIGITS);
}

/** Whether the event has started the run. */
function isRunOf({ tenant, trigger }: Present, event: InboundEvent): boolean {
  return (
    tenant === event.tenant &&
    trigger.type === 'event' &&
    trigger.source === event.source &&
    trigger.id === event.id
  );
}

/** The payload of the run that the event starts; undefined: the filter does not hold. */
function triggerPayload(
  { spec }: TriggerRow,
  event: ReceivedEvent,
  work: { spent: number },
): Json | undefined {
  if (spec === undefined) {
    throw new SluiceError(
      'DATABASE_FAILED',
      'The row of the trigger cannot be read. Publish the definition again, then retry the dead letter',
      { retryable: false },
    );
  }
  const { filter, payload } = TriggerSpec.parse(spec);
  const scope: JsonObject = { event: eventScope(event) };
  const nowMs = Date.parse(event.receivedAt);
  const expression: EvaluateExpression = (source, required) => {
    if (work.spent >= LIMITS.triggerExpressionSteps) {
      throw new SluiceError(
        'EXPRESSION_BUDGET',
        `The triggers of the event have more than ${LIMITS.triggerExpressionSteps} steps of expressions`,
      );
    }
    return evaluate(
      source,
      { root: scope, bindings: scope, nowMs },
      { at: 'trigger', required, meter: work },
    );
  };
  const holds = evaluateCondition(
    filter,
    expression,
    // In the audit row of the event: this text stays as it is.
    (shown) => new SluiceError('CONDITION_INVALID', `The filter gave ${shown}`),
  );
  if (!holds) return undefined;
  return payload === undefined ? event.payload : evaluateMapping(payload, expression);
}
