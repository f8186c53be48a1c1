/**
 * Names that a definition may use. Invariant: an expression can read every name accepted here, and a step
 * path can address it; a reserved name always means that part of the evaluation scope.
 */
import { z } from 'zod';
import { RESERVED_PREFIX } from '../run/messages.js';

/** What expressions see by name. None of these can be a variable, an `itemVar` or a `captureErrorAs`. */
export const RESERVED_NAMES: readonly string[] = ['payload', 'vars', 'event', 'error', 'meta', 'system'];

/** Lexical names inside a forEach body, in addition to the `itemVar`. */
const LOOP_NAMES: readonly string[] = ['item', 'index', 'length', 'isFirst', 'isLast'];

/** Words of the expression language, which the parser does not read as names. */
const LANGUAGE_WORDS: readonly string[] = ['true', 'false', 'null', 'and', 'or', 'in', 'function'];

/** Keys that reach the prototype of an object instead of data. */
export const FORBIDDEN_KEYS: readonly string[] = ['__proto__', 'constructor', 'prototype'];

/** True for an integer-like key: JavaScript objects sort it first, which loses the author's order. */
export function isIntegerLike(name: string): boolean {
  return /^(0|[1-9]\d*)$/.test(name);
}

/** A definition's id; it is the Temporal workflow type. */
export const DefinitionId = z
  .string()
  .max(128, 'must have at most 128 characters')
  .regex(
    /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/,
    'must be lower-case words joined by hyphens, such as order-fulfilment',
  );

/** An action's id, `<domain>.<verb>`; it is the Temporal activity type. */
export const ActionId = z
  .string()
  .max(128, 'must have at most 128 characters')
  .regex(/^[a-z][A-Za-z0-9_-]*(\.[a-z][A-Za-z0-9_-]*)+$/, 'must be <domain>.<verb>, such as payments.charge')
  .refine(
    (id) => !id.startsWith(RESERVED_PREFIX),
    `must not begin with ${RESERVED_PREFIX}, which Sluice reserves`,
  );

/** A step's id, unique in its document. */
export const StepId = z
  .string()
  .max(128, 'must have at most 128 characters')
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'must begin with a letter; then letters, digits, - and _');

/** Name of a branch. It is a part of step paths, and its order has meaning: no dots, no integers. */
export const BranchName = z
  .string()
  .max(128, 'must have at most 128 characters')
  .regex(/^[A-Za-z_][A-Za-z0-9_-]*$/, 'must begin with a letter; then letters, digits, - and _')
  .refine((name) => !FORBIDDEN_KEYS.includes(name), 'is not a name that a branch may have');

/** A lexical name that the author chooses (`itemVar`, `captureErrorAs`). */
export const LexicalName = z
  .string()
  .max(128, 'must have at most 128 characters')
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must begin with a letter; then letters, digits and _')
  .refine(
    (name) => ![...RESERVED_NAMES, ...LANGUAGE_WORDS, ...FORBIDDEN_KEYS].includes(name),
    'is a reserved name',
  );

/** A second name for `item`: not a name that loops give to something else. */
export const ItemName = LexicalName.refine(
  (name) => name === 'item' || !LOOP_NAMES.includes(name),
  'is a name that every loop gives to something else',
);

/** Name of an event on the bus and in a wait. */
export const EventName = z.string().min(1, 'must not be empty').max(256, 'must have at most 256 characters');

/** Code of an error, also one that an action defines. */
export const ErrorCodeName = z
  .string()
  .max(128, 'must have at most 128 characters')
  .regex(/^[A-Z][A-Z0-9_]*$/, 'must be upper-case words joined by _, such as PAYMENT_DECLINED');

/** Name of a secret in the worker's provider. */
export const SECRET_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/;
