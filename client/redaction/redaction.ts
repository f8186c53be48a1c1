/**
 * Hides marked values: those of a run's payload whose place the definition's payloadSchema marks `writeOnly:
 * true`.
 *
 * Invariant: no text or value that passes through here holds a marked value, neither whole nor as a part of a
 * string, in any form or long part that contracts/redaction/hidden-values.ts knows; each becomes
 * `[redacted]`. In a payload the marked place is `[redacted]` for a value of any type. The rows were cut
 * before they get here, so what a cut left of a value counts.
 *
 * How it could break: a definition or an action transforms a value in another way (a hash). true, false and
 * null are hidden only in the payload. A number of fewer than four digits and a text of fewer than four
 * characters are replaced only where they are the whole value: otherwise every text would be full of holes.
 * Positions and times are never taken for a marked number.
 */
import type { Definition } from '../../contracts/definition/index.js';
import type { RunError } from '../../contracts/errors.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { HiddenValues } from '../../contracts/redaction/hidden-values.js';
import type { ProgressLine } from '../../contracts/run/messages.js';
import type {
  EventView,
  EvidenceView,
  InvocationView,
  RunInboundView,
  RunSummary,
  RunView,
  StepView,
  WaitView,
} from '../../projections/index.js';
import { markedPlaces, type Place } from './marked-places.js';

/** Replaces a marked value. */
export const REDACTED = '[redacted]';

/** The shortest beginning of a value that is hidden at the end of a summary: that surely was cut. */
const SUMMARY_EDGE = 4;

/** Keys of a run event's data that hold an author's values, numbers too. */
const CONTENT = new Set([
  'input',
  'output',
  'result',
  'details',
  'filters',
  'trigger',
  'error',
  'publish',
  'undo',
  'request',
]);

/**
 * The redactor of one run.
 * @param definition the definition that the run is pinned to
 * @param payload the run's original payload
 */
export function redactorFor(definition: Pick<Definition, 'payloadSchema'>, payload: Json): PayloadRedactor {
  const { payloadSchema } = definition;
  return new PayloadRedactor(
    payloadSchema === undefined ? [] : markedPlaces(payloadSchema, payload),
    payload,
  );
}

/** The redactor of a run whose definition is not there: what is marked is unknown, so it hides all values. */
export function hidingRedactor(): PayloadRedactor {
  return new PayloadRedactor([[]], null, true);
}

/** A redactor of the values at these places of a value. */
export function redactorOfPlaces(places: readonly Place[], value: Json): PayloadRedactor {
  return new PayloadRedactor(places, value);
}

/** Hides the marked values of one run; {@link redactorFor} makes it. Every method returns a copy. */
export class PayloadRedactor {
  readonly #numbers = new Set<number>();
  readonly #hidden = new HiddenValues();

  /** @internal */
  constructor(
    private readonly places: readonly Place[],
    payload: Json,
    private readonly hidesAll = false,
  ) {
    for (const place of places) {
      for (const value of scalarsOf(valueAt(payload, place))) {
        if (value === REDACTED) continue;
        if (typeof value === 'number') this.#numbers.add(value);
        // A short number is a number alone: as a text it would be every count.
        if (typeof value === 'string' || String(value).length >= SUMMARY_EDGE) {
          this.#hidden.add(String(value), REDACTED);
        }
      }
    }
  }

  /** False: the payload has no marked value, so every method returns its argument. */
  get hides(): boolean {
    return this.places.length > 0;
  }

  text<T extends string | null>(text: T): T | string {
    if (text === null || !this.hides) return text;
    return this.hidesAll ? REDACTED : this.#hidden.text(text, { cut: true });
  }

  /** An author's value: variables, inputs, outputs, details. */
  json(value: Json): Json {
    return this.hides ? this.#walk(value, true) : value;
  }

  /** The payload of the run. */
  payload(value: Json): Json {
    if (!this.hides) return value;
    return this.#walk(
      this.places.reduce<Json>((copy, place) => replaceAt(copy, place), value),
      true,
    );
  }

  error<T extends RunError | null>(error: T): T | RunError {
    if (error === null || !this.hides) return error;
    return { ...error, message: this.text(error.message), details: this.json(error.details) };
  }

  summary<T extends RunSummary>(run: T): T {
    if (!this.hides) return run;
    const reference = (ref: RunSummary['parent']) => ref && { ...ref, workflowId: this.text(ref.workflowId) };
    return {
      ...run,
      workflowId: this.text(run.workflowId),
      state: this.text(run.state),
      parent: reference(run.parent),
      root: reference(run.root),
      rerunOf: reference(run.rerunOf),
      correlationKeys: run.correlationKeys.map((key) => this.text(key)),
    };
  }

  run(run: RunView): RunView {
    if (!this.hides) return run;
    return {
      ...this.summary(run),
      payload: this.payload(run.payload),
      trigger: this.json(run.trigger),
      result: this.json(run.result),
      error: this.error(run.error),
      cancelReason: this.text(run.cancelReason),
    };
  }

  step(step: StepView): StepView {
    if (!this.hides) return step;
    return {
      ...step,
      idempotencyKey: this.text(step.idempotencyKey),
      input: this.json(step.input),
      output: this.json(step.output),
      error: this.error(step.error),
    };
  }

  event(event: EventView): EventView {
    if (!this.hides) return event;
    const data = Object.entries(event.data as JsonObject).map(([key, value]): [string, Json] => [
      key,
      event.type === 'RUN_STARTED' && key === 'payload'
        ? this.payload(value)
        : this.#walk(value, CONTENT.has(key)),
    ]);
    return { ...event, data: Object.fromEntries(data) } as EventView;
  }

  wait(wait: WaitView): WaitView {
    if (!this.hides) return wait;
    const { child, event } = wait;
    return {
      ...wait,
      correlationKey: this.text(wait.correlationKey),
      filters: this.json(wait.filters),
      child: child && { ...child, workflowId: this.text(child.workflowId) },
      event: event && { ...event, id: this.text(event.id), source: this.text(event.source) },
      reason: this.text(wait.reason),
    };
  }

  invocation(use: InvocationView): InvocationView {
    if (!this.hides) return use;
    return {
      ...use,
      idempotencyKey: this.text(use.idempotencyKey),
      input: this.json(use.input),
      output: this.json(use.output),
      artifacts: use.artifacts.map((id) => this.text(id)),
      error: this.error(use.error),
    };
  }

  evidence(evidence: EvidenceView): EvidenceView {
    return this.hides ? { ...evidence, body: this.json(evidence.body) } : evidence;
  }

  inbound(event: RunInboundView): RunInboundView {
    if (!this.hides) return event;
    return {
      ...event,
      id: this.text(event.id),
      correlationKey: this.text(event.correlationKey),
      error: this.json(event.error),
      envelope: this.json(event.envelope),
    };
  }

  /** A line of `client.follow` and `client.progress`. */
  line(line: ProgressLine): ProgressLine {
    return this.hides ? { ...line, detail: this.text(line.detail) } : line;
  }

  #walk(value: Json, numbers: boolean, key = ''): Json {
    if (this.hidesAll) return REDACTED;
    if (typeof value === 'string') {
      return this.#hidden.text(value, { cut: true, ...(key === SUMMARY && { edge: SUMMARY_EDGE }) });
    }
    if (typeof value === 'number') return numbers && this.#hides(value) ? REDACTED : value;
    if (Array.isArray(value)) {
      const items = value as readonly Json[];
      const together = this.#hidden.list(items, { cut: true }) as readonly Json[] | undefined;
      return together ?? items.map((item) => this.#walk(item, numbers));
    }
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [this.text(name), this.#walk(item, numbers, name)]),
    );
  }

  #hides(value: number): boolean {
    return this.#numbers.has(value) || this.#hidden.number(value) !== undefined;
  }
}

/** The key that holds the beginning of a value that was cut (contracts/summary.ts). */
const SUMMARY = '$summary';

function valueAt(value: Json, place: Place): Json {
  return place.reduce<Json>((at, key) => {
    if (typeof key === 'number') return Array.isArray(at) ? ((at as readonly Json[])[key] ?? null) : null;
    return isJsonObject(at) ? (at[key] ?? null) : null;
  }, value);
}

function replaceAt(value: Json, [key, ...rest]: Place): Json {
  if (key === undefined) return REDACTED;
  if (typeof key === 'number') {
    if (!Array.isArray(value)) return value;
    return (value as readonly Json[]).map((item, i) => (i === key ? replaceAt(item, rest) : item));
  }
  if (!isJsonObject(value) || !Object.hasOwn(value, key)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, name === key ? replaceAt(item, rest) : item]),
  );
}

function scalarsOf(value: Json): readonly (string | number)[] {
  if (typeof value === 'string' || typeof value === 'number') return [value];
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap(scalarsOf);
  return isJsonObject(value) ? Object.values(value).flatMap(scalarsOf) : [];
}
