/**
 * Reads the text of a definition: returns a typed definition, or every problem of the document.
 *
 * Invariants
 * - A run never refuses what an accepted document says [what-is-accepted-runs].
 * - Every problem of the document is reported at once. Only a text that is not YAML or JSON, or exceeds a
 *   size limit, hides further problems, and a broken schema hides what does not fit it.
 * - A stored version starts runs, and is shown, after an upgrade as before it: rules that came after versions
 *   were published (`newVersionsOnly`) apply to what is published, not to what is stored.
 * - The hash covers the values of the document and their order, and nothing else: comments, blank lines,
 *   quotes and the choice between YAML and JSON do not change what runs, so they do not make a new version.
 */
import { createHash } from 'node:crypto';
import { Definition } from '../contracts/definition/index.js';
import { SluiceError } from '../contracts/errors.js';
import { isJsonObject, type Json, utf8Length } from '../contracts/json.js';
import { LIMITS } from '../contracts/limits.js';
import { compilingOnce } from '../expressions/index.js';
import { catalogueFindings } from './catalogue.js';
import { analyse, type Catalogue } from './known.js';
import { defaultFindings } from './inputs.js';
import { errorCodeFindings } from './rules/error-codes.js';
import { expressionFindings, headOf, secretFindings } from './rules/expressions.js';
import { literalHabits } from './rules/literal-habits.js';
import { type Finding, placed } from './source/finding.js';
import { readJson } from './source/json-source.js';
import { schedulePayloadFindings } from './payload.js';
import { schemaProblems } from './payload-schema.js';
import { type DefinitionProblem, problemsAsJson } from './source/problem.js';
import { documentShape, stepShape } from './rules/shape.js';
import { type DocumentPath, formatPath, pathsOf, type ReadText, Source } from './source/source.js';
import { stepRules } from './rules/step-rules.js';
import { formsOf, withoutForms } from './rules/task-rules.js';
import { triggerFindings } from './rules/trigger-rules.js';
import { findSteps, type FoundStep, stepPathOf, withoutBlocks } from './rules/walk.js';
import { readYaml } from './source/yaml-source.js';

export type DefinitionFormat = 'yaml' | 'json';

export interface ReadDefinition {
  readonly definition: Definition;
  /** The document as JSON, with its keys in the author's order. */
  readonly document: Json;
  /** sha-256 (hex) of the document as JSON, with its keys in the author's order. */
  readonly hash: string;
  /** The position of each part of the document in the text, for `checkCatalogue`. */
  readonly source: Source;
  /** What the document probably does not mean; empty for a stored version. */
  readonly warnings: readonly DefinitionProblem[];
}

/** Problems that are reported; a file that is not a definition has one for each line. */
const MOST_PROBLEMS = 1_000;

/**
 * Reads and checks a definition document.
 * @param text the document as the author wrote it
 * @param catalogue if given, unknown actions and versions are problems, too
 * @throws SluiceError DEFINITION_TOO_LARGE over 512 KiB; DEFINITION_INVALID, whose `details` are
 * `{problems: DefinitionProblem[]}` in the order of the text
 */
export function readDefinition(
  text: string,
  format: DefinitionFormat,
  catalogue?: Catalogue,
): ReadDefinition {
  return compilingOnce(() => read(text, format, { catalogue, stored: false }));
}

/**
 * Reads a version that was published before, maybe by an older release.
 * @throws SluiceError as `readDefinition`, but not for rules of new versions
 */
export function readStoredDefinition(text: string, format: DefinitionFormat): ReadDefinition {
  return compilingOnce(() => read(text, format, { stored: true }));
}

/** A definition with what the catalogue does not have of it. */
export interface ReadWithMissing extends ReadDefinition {
  /** Unknown actions and versions. */
  readonly missing: readonly DefinitionProblem[];
}

/**
 * Reads and checks a definition document. Unknown actions are in `missing` where they are the only errors.
 * @throws SluiceError as `readDefinition`
 */
export function readWithMissing(
  text: string,
  format: DefinitionFormat,
  catalogue: Catalogue | undefined,
): ReadWithMissing {
  return compilingOnce(() => read(text, format, { catalogue, stored: false, apart: true }));
}

interface Rules {
  /** Whether a document that only lacks actions is read. */
  readonly apart?: boolean;
  readonly catalogue?: Catalogue | undefined;
  /** True: without the rules that are for new versions only. */
  readonly stored: boolean;
}

function read(
  text: string,
  format: DefinitionFormat,
  { catalogue, stored, apart = false }: Rules,
): ReadWithMissing {
  const bytes = utf8Length(text);
  if (bytes > LIMITS.definitionBytes) {
    throw new SluiceError(
      'DEFINITION_TOO_LARGE',
      `The definition has ${bytes} bytes; the limit is ${LIMITS.definitionBytes}`,
      { details: { bytes, limit: LIMITS.definitionBytes } },
    );
  }
  // The byte order mark does not belong to the document, and editors do not count it.
  const plain = text.replace(/^\uFEFF/, '');
  const parsed = format === 'yaml' ? readYaml(plain) : readJson(plain);
  const source = new Source(plain, parsed.root);
  const problems = textProblems(parsed, source);
  if (parsed.root === undefined) throw invalid(problems);
  const document = parsed.root.value;
  const ruled = documentFindings(document, source, catalogue);
  const findings = stored
    ? ruled.filter(({ newVersionsOnly }) => newVersionsOnly !== true)
    : [
        ...ruled,
        ...elsewhere([...payloadFindings(document, ruled), ...analyse(document, catalogue).findings], ruled),
      ];
  const all = inOrder([...problems, ...placed(findings, source)]).filter(
    ({ level }) => !stored || level === 'error',
  );
  if (all.some((problem) => isError(problem) && !(apart && isMissing(problem)))) throw invalid(all);
  const hash = createHash('sha256').update(JSON.stringify(document)).digest('hex');
  return {
    definition: Definition.parse(document),
    document,
    hash,
    source,
    missing: all.filter(isMissing).slice(0, MOST_PROBLEMS),
    warnings: all.filter((problem) => !isMissing(problem)).slice(0, MOST_PROBLEMS),
  };
}

/** Payloads of schedules that a schema without a problem refuses. */
function payloadFindings(document: Json, ruled: readonly Finding[]): readonly Finding[] {
  const isBroken = ruled.some(({ path, level }) => path[0] === 'payloadSchema' && level !== 'warning');
  return isBroken ? [] : schedulePayloadFindings(document);
}

/** Findings at places of which the others say nothing: one mistake has one message. */
function elsewhere(findings: readonly Finding[], others: readonly Finding[]): readonly Finding[] {
  const taken = new Set(others.map(({ path }) => formatPath(path)));
  return findings.filter(({ path }) => !taken.has(formatPath(path)));
}

function textProblems({ problems, root }: ReadText, source: Source): DefinitionProblem[] {
  const starts = new Set(problems.flatMap(({ node }) => (node === undefined ? [] : [node])));
  const paths = root === undefined || starts.size === 0 ? undefined : pathsOf(root, starts);
  return problems.map(({ code, level = 'error', message, offset, hint, node, key }) => {
    const value = node === undefined ? undefined : paths?.get(node);
    const path = value === undefined || key === undefined ? value : [...value, key];
    return {
      code,
      level,
      message,
      stepPath: path === undefined ? null : stepPathOf(path),
      path: path === undefined ? '' : formatPath(path),
      ...source.position(offset),
      ...(hint === undefined ? {} : { hint }),
    };
  });
}

function inOrder(problems: readonly DefinitionProblem[]): DefinitionProblem[] {
  return [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

function documentFindings(document: Json, source: Source, catalogue: Catalogue | undefined): Finding[] {
  const head = headOf(document);
  const place = { path: [], stepPath: null };
  const nodeAt = (path: DocumentPath) => source.nodeAt(path);
  const ids = new Map<string, string>();
  return [
    ...documentShape(document),
    ...triggerFindings(document),
    ...expressionFindings(head, place),
    ...secretFindings(head, place),
    ...literalHabits(head, place, nodeAt),
    ...schemaFindings(document, ['payloadSchema'], place),
    ...defaultsOf(document),
    ...[...findSteps(document)].flatMap((step) => [
      ...stepFindings(step, ids),
      ...(isJsonObject(step.value) ? literalHabits(withoutBlocks(step.value, step.type), step, nodeAt) : []),
      ...(catalogue === undefined ? [] : catalogueFindings(step, catalogue)),
    ]),
  ];
}

function stepFindings(step: FoundStep, ids: Map<string, string>): Finding[] {
  const shape = stepShape(step);
  if (!isJsonObject(step.value)) return shape;
  // A JSON Schema is not a mapping: it contains no expressions.
  const { value } = step;
  const flat = withoutForms(withoutBlocks(value, step.type));
  return [
    ...shape,
    ...duplicateId(step, ids),
    ...stepRules(step),
    ...errorCodeFindings(step),
    ...expressionFindings(flat, step),
    ...secretFindings(flat, step),
    ...[...formsOf(value)].flatMap((keys) => schemaFindings(value, keys, step)),
  ];
}

/** @param ids the ids so far, each with the path of its step */
function duplicateId({ value, path, stepPath }: FoundStep, ids: Map<string, string>): Finding[] {
  const id = isJsonObject(value) ? value['id'] : undefined;
  if (typeof id !== 'string') return [];
  const first = ids.get(id);
  if (first === undefined) {
    ids.set(id, stepPath);
    return [];
  }
  return [
    {
      code: 'STEP_ID_DUPLICATE',
      message: `the step id "${id}" is already that of ${first}`,
      stepPath,
      path: [...path, 'id'],
    },
  ];
}

function schemaFindings(
  value: Json,
  keys: DocumentPath,
  { path, stepPath }: Pick<Finding, 'path' | 'stepPath'>,
): Finding[] {
  const schema = keys.reduce<Json | undefined>(
    (inner, key) => (inner as Record<string | number, Json> | undefined)?.[key],
    value,
  );
  if (!isJsonObject(schema)) return [];
  return schemaProblems(schema).map((problem) => ({
    code: 'SCHEMA_INVALID',
    message: `${formatPath(keys)}: ${problem.message}`,
    stepPath,
    path: [...path, ...keys, ...problem.path],
    hint: problem.hint,
  }));
}

function isError({ level }: DefinitionProblem): boolean {
  return level === 'error';
}

function isMissing({ code }: DefinitionProblem): boolean {
  return code === 'ACTION_UNKNOWN' || code === 'ACTION_VERSION_UNKNOWN';
}

function defaultsOf(document: Json): Finding[] {
  const schema = isJsonObject(document) ? document['payloadSchema'] : undefined;
  if (!isJsonObject(schema)) return [];
  return defaultFindings(schema).map((finding) => ({
    ...finding,
    stepPath: null,
    path: ['payloadSchema', ...finding.path],
  }));
}

/** @param all at least one error, and the warnings */
function invalid(all: readonly DefinitionProblem[]): SluiceError {
  const errors = all.filter(isError);
  const kept = errors.slice(0, MOST_PROBLEMS);
  const warnings = all.filter((problem) => !isError(problem)).slice(0, MOST_PROBLEMS - kept.length);
  const problems = inOrder([...kept, ...warnings]);
  const [first] = errors;
  const count = errors.length === 1 ? 'a problem' : `${errors.length} problems`;
  return new SluiceError(
    'DEFINITION_INVALID',
    `The definition has ${count}; ${errors.length === 1 ? 'it is' : 'the first is'} at line ${first?.line}, column ${first?.column}: ${first?.message}`,
    {
      details: {
        problems: problemsAsJson(problems),
        ...(all.length > problems.length && { omitted: all.length - problems.length }),
      },
    },
  );
}
