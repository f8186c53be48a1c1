/** What the rules of steps share: the shape of a rule, and reading what is known before a run. */
import { isExpression, isLiteral, isSecret } from '../../contracts/definition/index.js';
import type { Json, JsonObject } from '../../contracts/json.js';
import type { Finding } from '../source/finding.js';
import { quote } from '../source/source.js';
import type { FoundStep } from './walk.js';

export type Report = (
  code: Finding['code'],
  message: string,
  at: {
    readonly path?: readonly (string | number)[];
    readonly key?: boolean;
    readonly hint?: string;
    readonly newVersionsOnly?: boolean;
  },
) => void;

export type Rule = (step: JsonObject, report: Report, found: FoundStep) => void;

/** The value of a mapping that is known before a run; undefined if it is an expression or a secret. */
export function literal(step: JsonObject, key: string): Json | undefined {
  const mapping = step[key];
  if (mapping === undefined || isExpression(mapping) || isSecret(mapping)) return undefined;
  return isLiteral(mapping) ? mapping.$literal : mapping;
}

/** Characters of a literal that a message shows. */
const VALUE_CHARACTERS = 60;

/** A literal in a message. */
export function shown(value: Json): string {
  return typeof value === 'string' ? quote(value) : JSON.stringify(value).slice(0, VALUE_CHARACTERS);
}
