/**
 * Asks for the answer of a task, field by field of its form.
 *
 * Invariant: the worker checks the answer against the whole form; here only what helps a person to type is
 * looked at. A field that is marked `writeOnly` is not echoed.
 */
import { isJsonObject, type Json, type JsonObject } from '../../../contracts/json.js';
import { readJson } from '../../../contracts/reading/read-json.js';
import { messageOf, SluiceError } from '../../../contracts/errors.js';
import type { Asker, CheckText } from '../../terminal/ask.js';

/** Asks for every property of a form of type object, or for one value. @returns the answer */
export async function askForm(asker: Asker, form: Json): Promise<Json> {
  if (!isJsonObject(form)) return null;
  const properties = form['properties'];
  if (!isJsonObject(properties)) return (await askField(asker, form, 'answer', true)) ?? null;
  const required = Array.isArray(form['required']) ? (form['required'] as readonly Json[]) : [];
  const answer: Record<string, Json> = {};
  for (const [name, schema] of Object.entries(properties)) {
    const field = isJsonObject(schema) ? schema : {};
    const value = await askField(asker, field, name, required.includes(name));
    if (value !== undefined) answer[name] = value;
  }
  return answer;
}

/** @returns undefined: the field is left out */
async function askField(
  asker: Asker,
  schema: JsonObject,
  name: string,
  required: boolean,
): Promise<Json | undefined> {
  const question = questionOf(schema, name, required);
  const { enum: choices, type } = schema;
  if (Array.isArray(choices) && choices.length > 0) {
    const values = choices as readonly Json[];
    const labels = values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
    const none = required ? [] : ['(none)'];
    const chosen = await asker.choose(question, [...labels, ...none]);
    return values[labels.indexOf(chosen)];
  }
  if (type === 'boolean' && required) return await asker.confirm(question);
  const parse = parserOf(schema);
  const check: CheckText = (text) => {
    if (text === '') return required ? 'is required' : undefined;
    try {
      parse(text);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  };
  const text = await asker.text(question, check, schema['writeOnly'] === true);
  return text === '' ? undefined : parse(text);
}

function questionOf({ title, description }: JsonObject, name: string, required: boolean): string {
  const head = typeof title === 'string' ? title : name;
  const more = typeof description === 'string' ? `: ${description}` : '';
  return `${head}${more}${required ? '' : ' (optional)'}`;
}

/** What a field of a type takes; others take any JSON. */
const TYPED: Readonly<Record<string, readonly [fits: (value: Json) => boolean, message: string]>> = {
  integer: [(value) => Number.isSafeInteger(value), 'must be a whole number'],
  number: [(value) => typeof value === 'number', 'must be a number'],
  boolean: [(value) => typeof value === 'boolean', 'must be true or false'],
};

/** From a line of text to the value of a field. */
function parserOf({ type }: JsonObject): (text: string) => Json {
  if (type === 'string') return (text) => text;
  const typed = typeof type === 'string' ? TYPED[type] : undefined;
  return (text) => {
    const value = valueOf(text, typed?.[1]);
    if (typed?.[0](value) === false) throw new SluiceError('INPUT_INVALID', typed[1]);
    return value;
  };
}

function valueOf(text: string, message: string | undefined): Json {
  try {
    return readJson(text, 'The field', { syntax: 'INPUT_INVALID', value: 'PAYLOAD_INVALID' });
  } catch (error) {
    if (message === undefined) throw error;
    throw new SluiceError('INPUT_INVALID', message, { cause: error });
  }
}
