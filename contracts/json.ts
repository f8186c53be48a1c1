import { z } from 'zod';

/** A JSON value. Definitions, expressions and projections handle nothing else. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object. A value is never `undefined`: its key is missing. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Any JSON value, as a schema. */
export const JsonValue: z.ZodType<Json> = z.json();

/** True for a plain JSON object: not null, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const NOT_ASCII = /[\u0080-\uffff]/;

/** UTF-8 length of a string in bytes. The workflow isolate has no TextEncoder. */
export function utf8Length(text: string): number {
  // Ten times as fast as the loop, which matters: a replay measures every large event again.
  if (!NOT_ASCII.test(text)) return text.length;
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) bytes += unit > 0x7ff ? 2 : 1;
    // A valid surrogate pair has four bytes and counts as three: runs under way were measured so, and would
    // not replay with another size.
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next <= 0xdfff) {
        bytes -= 1;
        i++;
      }
    }
  }
  return bytes;
}

/** Size in bytes of a value as UTF-8 JSON, the measure of every size limit of Sluice. */
export function jsonSize(value: unknown): number {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? 0 : utf8Length(text);
}

/** True for arrays and objects nested more than `most` levels deep. Does not recurse. */
export function isDeeperThan(value: unknown, most: number): boolean {
  const isNode = (node: unknown): node is object => typeof node === 'object' && node !== null;
  let level = [value].filter(isNode);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > most) return true;
    level = level.flatMap((node) => (Object.values(node) as unknown[]).filter(isNode));
  }
  return false;
}

/**
 * Whether two values are the same JSON: the order of keys does not count.
 * @param a at most `LIMITS.depth` deep
 */
export function sameJson(a: Json, b: Json): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (isList(a) || isList(b)) {
    return (
      isList(a) && isList(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i] ?? null))
    );
  }
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key] ?? null, b[key] ?? null))
  );
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** Whether a text is well-formed Unicode: without half a surrogate pair, which UTF-8 can't hold. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
