/**
 * What a value holds that Sluice cannot take as it was sent: the one rule of every door. Doors are bodies of
 * the API, events of the bridge, files and arguments of the CLI, payloads of Temporal, answers of
 * `http.request` and outputs of actions.
 *
 * Invariant (nothing-is-rounded): a number that may have lost digits is refused with its place, and never
 * passed on. A double holds each integer up to ±(2^53 − 1). An integer beyond that reads as an integer beyond
 * that, so the value alone shows the loss, however its text was written. Decimals round, as in any JSON.
 *
 * Deterministic and not recursive: workflows call it, for values of any depth.
 */
import type { Json } from '../json.js';

/** One place with a fault. */
export interface JsonFault {
  /** JSON Pointer (RFC 6901) of the value; empty for the whole value. */
  readonly pointer: string;
  readonly message: string;
}

/** Faults that are listed. */
const MOST_FAULTS = 20;

const LARGE = 'is an integer beyond ±(2^53 − 1), which would lose digits: send it as text';
const NOT_FINITE = 'is a number that no double holds: send it as text';
const BYTES = 'is bytes, not JSON';
const PROTO = 'is a key that is refused';

interface Node {
  readonly value: object;
  readonly key: string | number;
  readonly parent: Node | undefined;
}

/**
 * The faults of a value, in no certain order; none: Sluice takes it.
 * @param value without cycles
 */
export function jsonFaults(value: unknown): JsonFault[] {
  const found: JsonFault[] = [];
  const open: Node[] = [];
  const look = (item: unknown, key: string | number, parent: Node | undefined): void => {
    const message = faultOf(item);
    if (message !== undefined) found.push({ pointer: pointerOf(key, parent), message });
    else if (typeof item === 'object' && item !== null) open.push({ value: item, key, parent });
  };
  look(value, '', undefined);
  for (let node = open.pop(); node !== undefined && found.length < MOST_FAULTS; node = open.pop()) {
    const { value: holder } = node;
    if (Array.isArray(holder)) {
      for (const [index, item] of holder.entries()) look(item, index, node);
      continue;
    }
    for (const key of Object.keys(holder)) {
      if (key === '__proto__') found.push({ pointer: pointerOf(key, node), message: PROTO });
      else look((holder as Record<string, unknown>)[key], key, node);
    }
  }
  return found.slice(0, MOST_FAULTS);
}

/** Whether a number may be another one than was sent. */
export function isLossy(value: number): boolean {
  return !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));
}

function faultOf(value: unknown): string | undefined {
  if (typeof value === 'bigint') return LARGE;
  if (typeof value === 'number') {
    if (!isLossy(value)) return undefined;
    return Number.isFinite(value) ? LARGE : NOT_FINITE;
  }
  return ArrayBuffer.isView(value) ? BYTES : undefined;
}

function pointerOf(key: string | number, parent: Node | undefined): string {
  const parts = parent === undefined ? [] : [key];
  for (let at = parent; at?.parent !== undefined; at = at.parent) parts.push(at.key);
  return pointerText(parts.reverse());
}

/** Keys and indexes, from the outermost, as a JSON Pointer (RFC 6901). */
export function pointerText(parts: readonly (string | number)[]): string {
  return parts.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** A fault as one sentence: `/account is an integer beyond …`. */
export function faultText({ pointer, message }: JsonFault, what = 'the value'): string {
  return `${pointer === '' ? what : pointer} ${message}`;
}

/** Faults as a list of an error's details. */
export function faultDetails(faults: readonly JsonFault[]): Json {
  return { problems: faults.map(({ pointer, message }) => ({ path: pointer, message })) };
}
