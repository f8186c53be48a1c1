/**
 * What is shown of inbound events and of dead letters: one place decides it for API, bridge and command line.
 *
 * Invariants
 * - What a run hides is hidden in the events that it got, that started it, or that were proposed to it.
 * - An event of a name that a definition with marked values knows is hidden by the names of the marked
 *   properties too, so that it is hidden before it reaches a run, and where it never does.
 * - What may be marked and is not known is hidden: the payload of an event that starts runs by a mapping, and
 *   the key of one whose wait computes its key, unless the run of that definition is known.
 * - A letter about a run that is gone, and one whose event cannot be read, shows no content.
 */
import type { Client } from '@temporalio/client';
import { decodeEvent } from '../../contracts/events/event-envelope.js';
import type { DeadLetterSummary, DeadLetterView } from '../../contracts/events/dead-letter.js';
import { SluiceError } from '../../contracts/errors.js';
import type { Pause } from '../../contracts/http/api.js';
import { isJsonObject, type Json } from '../../contracts/json.js';
import type { EventStore, ExplainedEvent, InboundSummary, Page } from '../../projections/index.js';
import { pausedRuns } from '../connection/paused.js';
import type { Place } from '../redaction/marked-places.js';
import { REDACTED, redactorOfPlaces, type PayloadRedactor } from '../redaction/redaction.js';
import type { RunReads } from '../reads/reads.js';
import { findRun } from '../runs/context.js';
import { safeRedactorOf } from '../runs/redactors.js';
import { marksOf } from './marks.js';

/** The part of an event's row that names a definition and its run. */
interface TriggerOutcome {
  readonly definition?: string;
  readonly runId?: string | null;
  readonly workflowId?: string | null;
  readonly error?: Json;
}

/** What is known of an event before its row is read. */
interface EventAbout {
  readonly name: string;
  readonly source: string;
  readonly id: string;
  /** Runs that it concerns. */
  readonly runIds: readonly string[];
}

/** An event in a list, as it is shown. */
export type ShownSummary = Omit<InboundSummary, 'runIds'>;

/** An event in full, with what of the runs that it was proposed to is paused. */
export type EventWithPauses = Omit<ExplainedEvent, 'runs'> & {
  readonly runs: readonly (ExplainedEvent['runs'][number] & { readonly paused: readonly Pause[] | null })[];
};

/**
 * Adds what of its runs is paused in Temporal: why a run that has the event does nothing.
 * @param shown what is shown of the event; its workflow ids may be hidden
 * @param event the same event, as it is
 */
export async function withPauses(
  temporal: Client,
  shown: ExplainedEvent,
  event: ExplainedEvent,
): Promise<EventWithPauses> {
  const runs = event.runs.map(({ runId, workflowId }) => ({ runId, workflowId, endedAt: null }));
  const pauses = await pausedRuns(temporal, runs);
  return {
    ...shown,
    runs: shown.runs.map((run) => ({ ...run, paused: pauses && (pauses.get(run.runId) ?? []) })),
  };
}

/** How one event is hidden. */
interface Hiding {
  readonly redactors: readonly PayloadRedactor[];
  /** Names of properties of the payload that are hidden for any value. */
  readonly named: readonly string[];
  readonly key: boolean;
  readonly values: boolean;
}

export class ShownEvents {
  /** @param events `projections.events` @param reads `projections.reads` */
  constructor(
    private readonly events: Pick<EventStore, 'explain'>,
    private readonly reads: RunReads,
  ) {}

  /** A page of a list. */
  async page(tenant: string, page: Page<InboundSummary>): Promise<Page<ShownSummary>> {
    const marks = await marksOf(this.reads, tenant);
    const items = page.items.map(async ({ runIds, ...summary }): Promise<ShownSummary> => {
      const { source, id, name } = summary;
      const published = source.startsWith(PUBLISHED);
      if (runIds.length === 0 && !published && !marks.some(({ events }) => events.has(name))) return summary;
      const whole = await this.events.explain({ tenant, source, id });
      if (whole === undefined) return { ...summary, correlationKey: null };
      const shown = await this.explained(tenant, whole);
      return { ...summary, id: shown.id, source: shown.source, correlationKey: shown.correlationKey };
    });
    return { ...page, items: await Promise.all(items) };
  }

  /** One event with all that is known about it. */
  async explained(tenant: string, event: ExplainedEvent): Promise<ExplainedEvent> {
    const triggers = (event.triggers as readonly TriggerOutcome[] | null) ?? [];
    const started = triggers.flatMap(({ runId }) => (typeof runId === 'string' ? [runId] : []));
    const hiding = await this.#hiding(tenant, event.envelope, {
      ...event,
      runIds: [...event.runs.map(({ runId }) => runId), ...started],
    });
    const text = (value: string): string => textOf(hiding.redactors, value);
    return {
      ...event,
      id: text(event.id),
      source: text(event.source),
      correlationKey:
        event.correlationKey === null ? null : hiding.key ? REDACTED : text(event.correlationKey),
      tried: event.tried.map(text),
      error: errorOf(event.error, text),
      triggers: triggers.map((trigger) => ({
        ...trigger,
        workflowId: typeof trigger.workflowId === 'string' ? text(trigger.workflowId) : null,
        error: errorOf(trigger.error ?? null, text),
      })) as unknown as Json,
      runs: event.runs.map((run) => ({
        ...run,
        workflowId: text(run.workflowId),
        error: run.error === null ? null : text(run.error),
        waits: run.waits.map((wait) => ({ ...wait, failedFilters: wait.failedFilters.map(text) })),
        answers: run.answers.map(text),
      })),
      envelope: envelopeOf(hiding, event.envelope),
    };
  }

  /** A letter of a list. */
  async summary<T extends DeadLetterSummary>(tenant: string, letter: T): Promise<T> {
    const redactor = await this.#ofRun(tenant, letter.runId);
    if (redactor === undefined) return letter;
    return { ...letter, subject: redactor.text(letter.subject), reason: redactor.text(letter.reason) };
  }

  /** A letter in full. */
  async letter(tenant: string, letter: DeadLetterView): Promise<DeadLetterView> {
    const closed = { retryWith: letter.retryWith && REDACTED, body: letter.body && REDACTED };
    if (letter.runId !== null) {
      const redactor = await this.#ofRun(tenant, letter.runId);
      if (redactor === undefined) return { ...letter, ...closed };
      return {
        ...(await this.summary(tenant, letter)),
        retryWith: redactor.json(letter.retryWith),
        body: redactor.text(letter.body),
        acts: letter.acts.map((act) => ({ ...act, note: redactor.text(act.note) })),
      };
    }
    const envelope = isJsonObject(letter.retryWith) ? letter.retryWith['envelope'] : undefined;
    const decoded = envelope === undefined ? undefined : decodeEvent(envelope);
    if (envelope === undefined || decoded?.ok !== true) {
      const marks = await marksOf(this.reads, tenant);
      return marks.length === 0 ? letter : { ...letter, ...closed };
    }
    const hiding = await this.#hiding(tenant, envelope, { ...decoded.event, runIds: [] });
    if (hiding.redactors.length === 0 && !hiding.key && !hiding.values) return letter;
    return {
      ...letter,
      subject: textOf(hiding.redactors, letter.subject),
      reason: textOf(hiding.redactors, letter.reason),
      retryWith: { envelope: envelopeOf(hiding, envelope) },
      // The bytes as they came: an envelope in base64, in which a short value cannot be found.
      body: letter.body && REDACTED,
    };
  }

  /** The redactor of a run; undefined: no run, or one that is gone with its payload and its marks. */
  async #ofRun(tenant: string, runId: string | null): Promise<PayloadRedactor | undefined> {
    return runId === null ? undefined : (await this.#run(tenant, runId))?.redactor;
  }

  async #run(
    tenant: string,
    runId: string,
  ): Promise<{ readonly definition: string; readonly redactor: PayloadRedactor } | undefined> {
    try {
      const context = { reads: this.reads, tenant };
      const run = await findRun(context, runId);
      return { definition: run.definition, redactor: await safeRedactorOf(context, run) };
    } catch (thrown) {
      if (thrown instanceof SluiceError && thrown.code === 'RUN_NOT_FOUND') return undefined;
      throw thrown;
    }
  }

  async #hiding(tenant: string, envelope: Json, event: EventAbout): Promise<Hiding> {
    const publisher = event.source.startsWith(PUBLISHED) ? (UUID.exec(event.id)?.[0] ?? []) : [];
    const ids = new Set([...event.runIds, publisher].flat());
    const runs = (await Promise.all([...ids].map((runId) => this.#run(tenant, runId)))).flatMap(
      (run) => run ?? [],
    );
    const marks = (await marksOf(this.reads, tenant)).filter(({ events }) => events.has(event.name));
    const unknown = marks.flatMap(({ definition, events }) => {
      const may = events.get(event.name);
      if (may === undefined || runs.some((run) => run.definition === definition)) return [];
      const published = may.published && event.source === `${PUBLISHED}${definition}`;
      return [{ key: may.key || published, values: may.values || published }];
    });
    const decoded = decodeEvent(envelope);
    const payload = decoded.ok ? decoded.event.payload : null;
    const named = [...new Set(marks.flatMap(({ names }) => [...names]))];
    return {
      redactors: [
        ...runs.map(({ redactor }) => redactor),
        redactorOfPlaces(placesNamed(named, payload), payload),
      ].filter(({ hides }) => hides),
      named,
      key: unknown.some(({ key }) => key),
      values: unknown.some(({ values }) => values),
    };
  }
}

/** Fields of the two forms of an envelope that hold the payload. */
const PAYLOADS: readonly string[] = ['payload', 'data', 'data_base64'];
/** Fields that hold the key. */
const KEYS: readonly string[] = ['workflow_correlation_key', 'workflowcorrelationkey'];
/** How the source of an event begins that a run has published; its id begins with the run's. */
const PUBLISHED = '/sluice/';
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

function envelopeOf({ redactors, named, key, values }: Hiding, envelope: Json): Json {
  const hidden = redactors.reduce((at, redactor) => redactor.json(at), envelope);
  if (!isJsonObject(hidden)) return hidden;
  const shown = ([name, value]: [string, Json]): Json => {
    if (value === null) return null;
    if (KEYS.includes(name)) return key || values ? REDACTED : value;
    if (!PAYLOADS.includes(name)) return value;
    if (values || (name === 'data_base64' && redactors.length > 0)) return REDACTED;
    return redactorOfPlaces(placesNamed(named, value), value).payload(value);
  };
  return Object.fromEntries(Object.entries(hidden).map((entry) => [entry[0], shown(entry)]));
}

/** An error in the shape that it had: a redactor of a run whose definition is gone hides whole values. */
function errorOf(error: Json | null, text: (value: string) => string): Json | null {
  if (!isJsonObject(error)) return error;
  const { message } = error;
  return typeof message === 'string' ? { ...error, message: text(message) } : error;
}

const textOf = (redactors: readonly PayloadRedactor[], text: string): string =>
  redactors.reduce((at, redactor) => redactor.text(at), text);

/** The places in a value whose property has one of the names. */
function placesNamed(names: readonly string[], value: Json, place: Place = []): readonly Place[] {
  if (Array.isArray(value)) {
    return (value as readonly Json[]).flatMap((item, index) => placesNamed(names, item, [...place, index]));
  }
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, item]) =>
    names.includes(name) ? [[...place, name]] : placesNamed(names, item, [...place, name]),
  );
}
