/** Inbound events: list, explain, publish. */
import { z } from '@hono/zod-openapi';
import { ShownEvents, withPauses } from '../../client/index.js';
import { apiPage, ApiInboundEvent, ApiInboundSummary } from '../../contracts/http/api.js';
import { SluiceError } from '../../contracts/errors.js';
import { JsonValue } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { requireCapability } from '../auth/principal.js';
import { operation, type Api } from '../http/operation.js';
import { json, pageOf, toInboundEvent, toInboundSummary } from '../views/views.js';
import { AnyJson, eventThing, Flag, isPlain, PageQuery } from '../views/parts.js';

const EventText = z
  .string()
  .min(1)
  .max(LIMITS.eventIdCharacters)
  .refine(isPlain, 'must not have control characters');
const EventName = z
  .string()
  .min(1)
  .max(LIMITS.eventNameCharacters)
  .refine(isPlain, 'must not have control characters');

const PublishBody = z
  .strictObject({
    eventName: EventName,
    payload: AnyJson,
    correlationKey: z.string().min(1).max(LIMITS.correlationKeyCharacters).optional(),
    eventId: EventText.optional().openapi({
      description: 'Makes a repetition harmless. Default: derived from the idempotency key, else a new one.',
    }),
    source: EventText.optional().openapi({ description: 'Default: api.' }),
  })
  .openapi('PublishEvent');

const UNREDACTED = '`unredacted=true` needs the role `admin`.';

export function addEventRoutes(api: Api): void {
  const { client, projections } = api.deps;
  const shown = new ShownEvents(projections.events, projections.reads);
  operation(
    api,
    {
      method: 'get',
      path: '/v1/events',
      operationId: 'listEvents',
      tag: 'events',
      summary: 'List inbound events, newest first',
      capability: 'read',
      description: `Values that may be marked are redacted. ${UNREDACTED}`,
      query: PageQuery.extend({ eventName: EventName.optional(), unredacted: Flag }),
      answers: { 200: { description: 'A page', schema: apiPage(ApiInboundSummary) } },
      audited: ({ unredacted }) => unredacted,
    },
    async ({ principal, tenant, query: { eventName, after, limit, unredacted } }) => {
      if (unredacted) requireCapability(principal, 'unredacted');
      const page = await projections.events.list(tenant, { eventName }, { after, limit });
      const whole = { ...page, items: page.items.map(({ runIds: _, ...summary }) => summary) };
      return json(pageOf(unredacted ? whole : await shown.page(tenant, page), toInboundSummary));
    },
  );
  operation(
    api,
    {
      method: 'post',
      path: '/v1/events',
      operationId: 'publishEvent',
      tag: 'events',
      summary: 'Publish an event',
      description:
        'Puts the event on the bus, from which the event bridge reads it. `explainEvent` shows how it was handled.',
      capability: 'operate',
      body: { schema: PublishBody, faultCode: 'EVENT_INVALID' },
      answers: {
        202: { description: 'The bus has it', schema: z.object({ source: z.string(), eventId: z.string() }) },
      },
      errors: [
        'EVENT_INVALID',
        'EVENT_TOO_LARGE',
        'EVENT_CONFLICT',
        'TENANT_UNKNOWN',
        'CORRELATION_UNRESOLVED',
        'BRIDGE_SATURATED',
        'BRIDGE_UNAVAILABLE',
        'REDIS_UNAVAILABLE',
        'REDIS_REFUSED',
        'CONFIG_INVALID',
      ],
    },
    async ({
      tenant,
      principal,
      operationId,
      concerns,
      body: { payload = null, source = 'api', eventId = operationId, ...event },
    }) => {
      const published = await client.publishEvent({
        eventName: event.eventName,
        payload: JsonValue.parse(payload),
        source,
        tenant,
        principal: principal.name,
        ...(event.correlationKey !== undefined && { correlationKey: event.correlationKey }),
        ...(eventId !== undefined && { eventId }),
      });
      concerns(eventThing(source, published.eventId));
      return json({ source, eventId: published.eventId }, 202);
    },
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/events/explain',
      operationId: 'explainEvent',
      tag: 'events',
      summary: 'Explain how an event was handled',
      description: `The rule that gave its key, the waits that were candidates, and the answer of each run. ${UNREDACTED}`,
      capability: 'read',
      query: z.strictObject({ source: EventText, eventId: EventText, unredacted: Flag }),
      answers: { 200: { description: 'The event', schema: ApiInboundEvent } },
      errors: ['EVENT_NOT_FOUND', 'DEFINITION_VERSION_NOT_FOUND'],
      audited: ({ unredacted }) => unredacted,
    },
    async ({ principal, tenant, concerns, query: { source, eventId, unredacted } }) => {
      concerns(eventThing(source, eventId));
      if (unredacted) requireCapability(principal, 'unredacted');
      const found = await projections.events.explain({ tenant, source, id: eventId });
      if (found === undefined) {
        throw new SluiceError('EVENT_NOT_FOUND', `Tenant ${tenant} has no event ${eventId} of ${source}.`);
      }
      const event = unredacted ? found : await shown.explained(tenant, found);
      return json(toInboundEvent(await withPauses(client.temporal, event, found)));
    },
  );
}
