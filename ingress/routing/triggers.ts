/**
 * Event triggers: each published definition that names an event, and whose filter holds, starts one run.
 *
 * Invariants
 * - The workflow id is made of the definition and the event, and is never used again: whoever starts it a second time
 *   (a redelivery, a resumed routing, another bridge) finds it there.
 * - A failure of one trigger is its own: it stands in the event's audit row and stops no other. Only what another try
 *   would mend (Temporal or the database away) is thrown, and then the whole event is routed again.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { SluiceClient } from '../../client/index.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import type { BusEvent } from '../../contracts/events/event-envelope.js';
import { isJsonObject, JsonValue, type Json, type JsonObject } from '../../contracts/json.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import { readDefinition, validatePayload } from '../../definitions/index.js';
import { evaluate } from '../../expressions/index.js';
import type { TriggerRow } from '../../projections/index.js';
import { isOutage } from './outage.js';

/** Who starts these runs, for the audit. */
const ACTOR = 'event';
const MOST_CACHED = 200;

const Spec = z.object({
  filter: z.union([z.boolean(), z.object({ $expr: z.string() })]),
  payload: JsonValue.optional(),
});

/** What came of one trigger. */
export interface TriggerOutcome {
  readonly definition: string;
  readonly version: number;
  /** Its place in the definition's list. */
  readonly position: number;
  readonly status: 'STARTED' | 'FILTERED' | 'ALREADY_STARTED' | 'FAILED';
  readonly workflowId: string | null;
  readonly runId: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface TriggeringEvent {
  readonly event: BusEvent;
  readonly correlationKey: string | null;
  readonly receivedAt: Date;
}

export class Triggers {
  private readonly schemas = new Map<string, ReturnType<typeof readDefinition>['definition']>();

  constructor(
    private readonly store: Pick<ProjectionStore, 'findDefinition'>,
    private readonly client: Pick<SluiceClient, 'start'>,
  ) {}

  /**
   * Starts what the event starts.
   * @throws SluiceError only where trying again would mend it
   */
  async fire(rows: readonly TriggerRow[], arrived: TriggeringEvent): Promise<readonly TriggerOutcome[]> {
    const byDefinition = new Map<string, TriggerRow[]>();
    for (const row of rows) {
      byDefinition.set(row.definition, [...(byDefinition.get(row.definition) ?? []), row]);
    }
    const all = await Promise.all([...byDefinition.values()].map((own) => this.fireOne(own, arrived)));
    return all.flat();
  }

  /** The triggers of one definition: the first whose filter holds starts the run. */
  private async fireOne(rows: readonly TriggerRow[], arrived: TriggeringEvent): Promise<TriggerOutcome[]> {
    const outcomes: TriggerOutcome[] = [];
    for (const row of [...rows].sort((a, b) => a.position - b.position)) {
      const about = { definition: row.definition, version: row.version, position: row.position };
      const none = { workflowId: null, runId: null, error: null };
      try {
        const payload = payloadOf(row, arrived);
        if (payload === undefined) {
          outcomes.push({ ...about, ...none, status: 'FILTERED' });
          continue;
        }
        outcomes.push({ ...about, ...none, ...(await this.start(row, payload, arrived)) });
        return outcomes;
      } catch (thrown) {
        const error = toSluiceError(thrown);
        if (isOutage(error)) throw error;
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
    { event, correlationKey }: TriggeringEvent,
  ): Promise<Pick<TriggerOutcome, 'status' | 'workflowId' | 'runId'>> {
    const complete = validatePayload(await this.schemaOf(event.tenant, definition, version), payload);
    const workflowId = workflowIdOf(definition, event);
    const { tenant, source, id, name } = event;
    try {
      const { runId } = await this.client.start(definition, complete, {
        workflowId,
        version,
        tenant,
        actor: ACTOR,
        reuse: 'never',
        correlationKeys: correlationKey === null ? [] : [correlationKey],
        trigger: { type: 'event', position, source, id, name, correlationKey },
      });
      return { status: 'STARTED', workflowId, runId };
    } catch (thrown) {
      const error = toSluiceError(thrown);
      if (error.code !== 'WORKFLOW_ALREADY_STARTED') throw error;
      return { status: 'ALREADY_STARTED', workflowId, runId: null };
    }
  }

  private async schemaOf(tenant: string, id: string, version: number): Promise<JsonObject | undefined> {
    const key = JSON.stringify([tenant, id, version]);
    const known = this.schemas.get(key);
    if (known !== undefined) return known.payloadSchema;
    const stored = await this.store.findDefinition(tenant, id, version);
    if (stored === undefined) {
      throw new SluiceError(
        'DEFINITION_VERSION_NOT_FOUND',
        `Tenant "${tenant}" has no version ${version} of "${id}"`,
      );
    }
    const { definition } = readDefinition(stored.source, stored.format);
    this.schemas.set(key, definition);
    if (this.schemas.size > MOST_CACHED) this.schemas.delete(this.schemas.keys().next().value as string);
    return definition.payloadSchema;
  }
}

/** The workflow id of the run that an event starts. */
function workflowIdOf(definition: string, { tenant, source, id }: BusEvent): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([tenant, source, id]))
    .digest('hex');
  return `${definition}/event-${hash.slice(0, 32)}`;
}

/** The payload of the run; undefined where the filter does not hold. */
function payloadOf(
  { spec }: TriggerRow,
  { event, correlationKey, receivedAt }: TriggeringEvent,
): Json | undefined {
  const { filter, payload } = Spec.parse(spec);
  const scope: JsonObject = {
    event: {
      id: event.id,
      source: event.source,
      name: event.name,
      correlationKey,
      payload: event.payload,
      receivedAt: receivedAt.toISOString(),
    },
  };
  const holds = typeof filter === 'boolean' ? filter : expression(filter.$expr, scope, receivedAt, true);
  if (typeof holds !== 'boolean') {
    throw new SluiceError('CONDITION_INVALID', `The filter gave ${JSON.stringify(holds).slice(0, 100)}`);
  }
  if (!holds) return undefined;
  return payload === undefined ? event.payload : mapping(payload, scope, receivedAt);
}

function expression(source: string, scope: JsonObject, now: Date, required = false): Json {
  return evaluate(
    source,
    { root: scope, bindings: scope, nowMs: now.getTime() },
    { at: 'trigger', required },
  );
}

/** A mapping made into a value, as the interpreter does it. */
function mapping(value: Json, scope: JsonObject, now: Date): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => mapping(item, scope, now));
  if (!isJsonObject(value)) return value;
  if (typeof value['$expr'] === 'string') return expression(value['$expr'], scope, now);
  if (Object.hasOwn(value, '$literal')) return value['$literal'] as Json;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapping(item, scope, now)]));
}
