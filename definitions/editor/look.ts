/** What an editor shows of a document: a text for the pointer, its steps, the assignments of a variable. */
import { isJsonObject } from '../../contracts/json.js';
import { FUNCTIONS } from '../../expressions/index.js';
import { pathOf } from '../analysis/branches.js';
import type { Catalogue } from '../known.js';
import { findSteps } from '../rules/walk.js';
import type { DocumentPath } from '../source/source.js';
import { callAround, stepAround } from './complete.js';
import { fieldsInMarkdown, fieldsOf, schemasOf } from './inputs.js';
import { placeAt, type ReadDocument, readText } from './place.js';
import { namesSeen, shapeAt, shapeInWords } from './seen.js';

/** A position: line and column from 1, in UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A step for a list of steps. */
export interface OutlinedStep extends Position {
  readonly id: string;
  readonly type: string;
  readonly stepPath: string;
}

/**
 * What is known of the name, function, action or field at an offset.
 * @returns Markdown; undefined where nothing is known, and where the text has syntax errors
 */
export function hoverAt(
  text: string,
  format: 'yaml' | 'json',
  offset: number,
  catalogue: Catalogue,
): string | undefined {
  const read = readText(text, format);
  if (read === undefined) return undefined;
  const { path, at } = placeAt(read, offset);
  if (at === 'value' && path.at(-1) === '$expr') return ofWord(read, path, offset, catalogue);
  const step = stepAround(read.document, path);
  if (step === undefined || !isJsonObject(step.value)) return undefined;
  const called = callAround(step, path);
  const key = path.at(-1);
  if (called !== undefined && at === 'key') {
    const schemas = schemasOf(called.call, catalogue);
    const fields = schemas === undefined ? [] : fieldsOf(schemas.input, called.inside.slice(0, -1));
    const field = fields.find(({ name }) => name === key);
    return field && fieldsInMarkdown([field]).slice('- '.length);
  }
  if (key !== 'action' || called !== undefined) return undefined;
  const undo = step.value['compensate'];
  return ofAction(path.includes('compensate') && isJsonObject(undo) ? undo : step.value, catalogue);
}

function ofAction(call: Parameters<typeof schemasOf>[0], catalogue: Catalogue): string | undefined {
  const { action } = call;
  if (typeof action !== 'string') return undefined;
  const versions = catalogue.actions.get(action);
  if (versions === undefined) return undefined;
  const schemas = schemasOf(call, catalogue);
  const parts = schemas && [
    `**input**\n\n${fieldsInMarkdown(fieldsOf(schemas.input))}`,
    `**output**\n\n${fieldsInMarkdown(fieldsOf(schemas.output))}`,
  ];
  return [`\`${action}\`, versions: ${versions.join(', ')}`, ...(parts ?? [])].join('\n\n');
}

/** The name around an offset, with the names before it that end in dots. */
function wordAt(text: string, offset: number): string {
  const before = /[$\p{L}\p{N}_.]*$/u.exec(text.slice(0, offset))?.[0] ?? '';
  const after = /^[$\p{L}\p{N}_]*/u.exec(text.slice(offset))?.[0] ?? '';
  return `${before}${after}`;
}

function ofWord(
  read: ReadDocument,
  path: DocumentPath,
  offset: number,
  catalogue: Catalogue,
): string | undefined {
  const word = wordAt(read.text, offset);
  const called = FUNCTIONS.find(({ name, kind }) => word === (kind === 'helper' ? name : `$${name}`));
  if (called !== undefined) {
    const { signature, description, example } = called;
    const result = JSON.stringify(example.result);
    return `\`${signature}\`\n\n${description}\n\n\`${example.source}\` gives \`${result}\``;
  }
  const names = namesSeen(read.document, path.slice(0, -1), catalogue);
  const shape = shapeAt(names, word.split('.'));
  return shape && `\`${word}\`: ${shapeInWords(shape)}`;
}

/** Every step of a document in its order; empty if the text has syntax errors. */
export function outlineOf(text: string, format: 'yaml' | 'json'): readonly OutlinedStep[] {
  const read = readText(text, format);
  if (read === undefined) return [];
  return [...findSteps(read.document)].flatMap(({ value, path, stepPath }) => {
    const place = read.source.locate(path);
    if (!isJsonObject(value) || place === undefined) return [];
    const { id, type } = value;
    const named = typeof id === 'string' ? id : stepPath;
    return [{ id: named, type: typeof type === 'string' ? type : '', stepPath, ...place }];
  });
}

/** Where the steps assign the variable whose name is at an offset; empty without such a name. */
export function assignmentsOf(text: string, format: 'yaml' | 'json', offset: number): readonly Position[] {
  const read = readText(text, format);
  if (read === undefined) return [];
  const { path: at } = placeAt(read, offset);
  if (at.at(-1) !== '$expr') return [];
  const [name] = pathOf(wordAt(text, offset).replaceAll('$', '')) ?? [];
  return [...findSteps(read.document)].flatMap(({ value, path }) => {
    if (!isJsonObject(value)) return [];
    const { saveAs, assign } = value;
    const places: DocumentPath[] =
      typeof saveAs === 'string' && pathOf(saveAs)?.[0] === name ? [[...path, 'saveAs']] : [];
    for (const key of isJsonObject(assign) ? Object.keys(assign) : []) {
      if (pathOf(key)?.[0] === name) places.push([...path, 'assign', key]);
    }
    return places.map((place) => read.source.locate(place, 'key')).filter((place) => place !== undefined);
  });
}
