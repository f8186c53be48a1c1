/**
 * What the definitions of a tenant mark about the events that they name.
 *
 * A definition names an event that starts its runs, that they wait for, or that they publish. Its latest
 * version counts here; runs of other versions hide their own values in every event that they got.
 */
import type { Definition } from '../../contracts/definition/index.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { allItems, type RunReads } from '../reads/reads.js';

export interface Marks {
  readonly definition: string;
  /** Names of the marked properties. */
  readonly names: ReadonlySet<string>;
  /** True: a place without a fixed name is marked too (an item, a pattern, the payload itself). */
  readonly unnamed: boolean;
  /** The names of events, and whether an event's key, or its values under other names, may be marked. */
  readonly events: ReadonlyMap<string, MayBeMarked>;
}

export interface MayBeMarked {
  readonly key: boolean;
  readonly values: boolean;
  /** True: its runs publish the event, with any of their values. */
  readonly published: boolean;
}

/** Definitions that are cached for each source of reads; most of them mark nothing. */
const CACHED = 5_000;
const caches = new WeakMap<object, Map<string, Marks | null>>();

/** The marks of every definition of a tenant that marks anything. @throws SluiceError DATABASE_UNAVAILABLE */
export async function marksOf(reads: RunReads, tenant: string): Promise<readonly Marks[]> {
  const cache = caches.get(reads) ?? new Map<string, Marks | null>();
  caches.set(reads, cache);
  const found: Marks[] = [];
  for await (const { id, version } of allItems((page) => reads.listDefinitions(tenant, page))) {
    const key = JSON.stringify([tenant, id, version]);
    let marks = cache.get(key);
    if (marks === undefined) {
      marks = await readMarks(reads, { tenant, id, version });
      cache.set(key, marks);
      const [oldest] = cache.keys();
      if (cache.size > CACHED && oldest !== undefined) cache.delete(oldest);
    }
    if (marks !== null) found.push(marks);
  }
  return found;
}

async function readMarks(
  reads: RunReads,
  { tenant, id, version }: { readonly tenant: string; readonly id: string; readonly version: number },
): Promise<Marks | null> {
  const stored = await reads.getDefinition(tenant, id, version);
  // Without the word, or an escape that may spell it, nothing is marked.
  if (stored === undefined || !/writeOnly|\\/.test(stored.source)) return null;
  const { readStoredInBounds } = await import('../../definitions/index.js');
  return marksIn((await readStoredInBounds(stored.source, stored.format, tenant)).definition);
}

/** The marks of one definition; null: it marks nothing. */
function marksIn(definition: Definition): Marks | null {
  const { payloadSchema } = definition;
  if (payloadSchema === undefined) return null;
  const names = new Set<string>();
  let unnamed = false;
  const seen = new Map<JsonObject, Set<string>>();
  const visit = (part: Json | undefined, name: string | undefined): void => {
    if (Array.isArray(part)) {
      for (const item of part as readonly Json[]) visit(item, name);
      return;
    }
    if (!isJsonObject(part)) return;
    const visited = seen.get(part) ?? new Set<string>();
    if (visited.has(name ?? '')) return;
    seen.set(part, visited.add(name ?? ''));
    if (part['writeOnly'] === true) {
      if (name === undefined) unnamed = true;
      else names.add(name);
    }
    for (const [keyword, inner] of Object.entries(part)) {
      if (keyword === 'properties' && isJsonObject(inner)) {
        for (const [property, schema] of Object.entries(inner)) visit(schema, property);
      } else if (UNNAMED.has(keyword) && isJsonObject(inner)) {
        // Schemas by pattern or by a name that a reference uses: any place.
        visit(keyword === 'additionalProperties' ? inner : Object.values(inner), undefined);
      } else if (typeof inner === 'object') {
        visit(inner, name);
      }
    }
  };
  visit(payloadSchema, undefined);
  if (names.size === 0 && !unnamed) return null;
  return { definition: definition.id, names, unnamed, events: eventsOf(definition, names, unnamed) };
}

const UNNAMED: ReadonlySet<string> = new Set([
  'patternProperties',
  'additionalProperties',
  'unevaluatedProperties',
  '$defs',
  'definitions',
]);

function eventsOf(
  definition: Definition,
  names: ReadonlySet<string>,
  unnamed: boolean,
): ReadonlyMap<string, MayBeMarked> {
  const events = new Map<string, MayBeMarked>();
  const add = (eventName: unknown, { key = false, values = false, published = false }): void => {
    const before = events.get(String(eventName));
    events.set(String(eventName), {
      key: key || before?.key === true,
      values: values || before?.values === true,
      published: published || before?.published === true,
    });
  };
  for (const trigger of definition.triggers ?? []) {
    if (trigger.type !== 'event') continue;
    // A mapping can give an event's value another name in the payload.
    add(trigger.eventName, { values: unnamed || trigger.payload !== undefined });
  }
  const walk = (part: unknown): void => {
    if (part === null || typeof part !== 'object') return;
    const { type, eventName, correlationKey } = part as Readonly<Record<string, unknown>>;
    if (type === 'event.publish') add(eventName, { published: true });
    if (type === 'event.wait') {
      const key = mayBeMarked(correlationKey, names, unnamed);
      for (const name of [eventName].flat()) add(name, { key });
    }
    for (const inner of Object.values(part)) walk(inner);
  };
  walk(definition);
  return events;
}

/** Whether the key of a wait may be a marked value: all but a literal and a plain path to an unmarked one. */
function mayBeMarked(key: unknown, names: ReadonlySet<string>, unnamed: boolean): boolean {
  if (key === undefined || typeof key === 'string' || typeof key === 'number') return false;
  const source = key !== null && typeof key === 'object' && '$expr' in key ? String(key.$expr) : '';
  const [, path] = /^\s*payload((?:\.[A-Za-z_]\w*)+)\s*$/.exec(source) ?? [];
  return path === undefined || unnamed || path.split('.').some((name) => names.has(name));
}
