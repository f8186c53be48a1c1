/**
 * Definition cases as data: a definition, the acts on its run, and the expected outcome.
 * `conformance.test.ts` runs every file of `cases/`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { JsonValue } from '../../../contracts/json.js';

/**
 * A line of the log: `TYPE`, `TYPE id`, `TYPE id[0,2]` or `TYPE id#2`, with the step's id, its iteration
 * and its attempt. Where a line names no iteration or attempt, any matches.
 */
const Line = z.string().regex(/^[A-Z_]+( [\w-]+(\[[\d,]+\])?(#\d+)?)?$/);

/** One thing done to the run, after those before it. */
const Act = z.union([
  /** Wait until the committed log has the line, `times` times in all. */
  z.strictObject({ until: Line, times: z.int().default(1) }),
  /** Wait until the run itself tells the line (query `progress`), committed or not. */
  z.strictObject({ sees: Line }),
  /** Send an event; `ago` ms before now. An absent id is a new one. */
  z.strictObject({
    event: z.string(),
    id: z.string().optional(),
    source: z.string().optional(),
    key: z.union([z.string(), z.number(), z.null()]).optional(),
    payload: JsonValue.optional(),
    ago: z.int().optional(),
  }),
  /** Send any signal with any arguments. */
  z.strictObject({ signal: z.string(), args: z.array(JsonValue) }),
  /** Let a `test.gate` end. */
  z.strictObject({ open: z.string() }),
  z.strictObject({ cancel: z.literal('run') }),
  /** Cancel or terminate the child that the log names last. */
  z.strictObject({ cancel: z.literal('child') }),
  z.strictObject({ terminate: z.literal('child') }),
  /** Ask, and match the answer. */
  z.strictObject({
    query: z.enum(['state', 'progress']),
    args: z.array(JsonValue).default([]),
    answer: JsonValue,
  }),
]);
export type Act = z.infer<typeof Act>;

const Expectation = z.strictObject({
  /** Equal to the run's result. */
  result: JsonValue.optional(),
  /** Matched by the run's error; `message` is a part of it. */
  error: z
    .strictObject({
      code: z.string(),
      category: z.string().optional(),
      message: z.string().optional(),
      details: JsonValue.optional(),
      stepPath: z.string().nullable().optional(),
      attempt: z.int().optional(),
    })
    .optional(),
  canceled: z.literal(true).optional(),
  /** Lines that the log has in this order, others between them. */
  events: z.array(Line).default([]),
  /** Lines that the log does not have. */
  absent: z.array(Line).default([]),
  /** How often the log has a line. */
  counts: z.record(Line, z.int()).default({}),
  /** Status of each named step in the end, by id or `id[0]`. */
  steps: z.record(z.string(), z.string()).default({}),
  /** Status of each named wait in the end. */
  waits: z.record(z.string(), z.string()).default({}),
  /** What the test actions got, by step id, in the order of the calls. */
  inputs: z.record(z.string(), z.array(JsonValue)).default({}),
  /** Each named step used one idempotency key over all its calls. */
  oneKey: z.array(z.string()).default([]),
  /** Texts that the history must not hold. */
  secrets: z.array(z.string()).default([]),
  /** How many events of a type Temporal's history has, e.g. EVENT_TYPE_TIMER_STARTED. */
  history: z.record(z.string(), z.int()).default({}),
  /** The workflow never gets as far as a run: it has no log. */
  unstarted: z.literal(true).optional(),
});
export type Expectation = z.infer<typeof Expectation>;

const Case = z.strictObject({
  name: z.string(),
  /** Fields of the definition beside `id` and `version`. */
  definition: z.record(z.string(), JsonValue).optional(),
  /** Or a definition that is published by the file, or a workflow type that no one published. */
  type: z.string().optional(),
  payload: JsonValue.optional(),
  memo: z.record(z.string(), JsonValue).optional(),
  script: z.array(Act).default([]),
  expect: Expectation,
});

const CaseFile = z.strictObject({
  /** Definitions that the cases call, whole. */
  definitions: z.array(z.looseObject({ id: z.string(), version: z.int() })).default([]),
  cases: z.array(Case).min(1),
});

export interface DefinitionCase extends Omit<z.infer<typeof Case>, 'definition' | 'type'> {
  /** Workflow type. */
  readonly type: string;
}

export interface LoadedFile {
  readonly name: string;
  readonly documents: readonly ({ readonly id: string; readonly version: number } & Record<
    string,
    unknown
  >)[];
  readonly cases: readonly DefinitionCase[];
}

const DIRECTORY = fileURLToPath(new URL('../cases/', import.meta.url));

/** Reads all files of cases. */
export function loadCases(): readonly LoadedFile[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => loadFile(basename(file, '.yaml')));
}

function loadFile(name: string): LoadedFile {
  const parsed = CaseFile.parse(
    parse(readFileSync(`${DIRECTORY}${name}.yaml`, 'utf8'), { maxAliasCount: 1_000 }),
  );
  const documents = [...parsed.definitions];
  const cases = parsed.cases.map(({ definition, type, ...rest }, index) => {
    if ((definition === undefined) === (type === undefined)) {
      throw new Error(`${name}: "${rest.name}" needs either a definition or a type`);
    }
    if (definition === undefined) return { ...rest, type: type as string };
    const id = `${name}-${index + 1}`;
    documents.push({ id, version: 1, ...definition });
    return { ...rest, type: id };
  });
  return { name, documents, cases };
}
