/** Reads values of a document: shapes of mappings and conditions, and findings of what is wrong in them. */
import { isExpression, isLiteral, isSecret } from '../../contracts/definition/index.js';
import { isJsonObject, type Json } from '../../contracts/json.js';
import { parsedExpression } from '../../expressions/index.js';
import type { Finding } from '../source/finding.js';
import type { DocumentPath } from '../source/source.js';
import { infer } from './infer.js';
import type { Names } from './names.js';
import { ANY, KIND, kindsInWords, listOf, orElse, type Shape, shapeOf, TEXT, union } from './shape.js';

/** A value of the document. */
export interface At {
  readonly path: DocumentPath;
  readonly stepPath: string | null;
}

/** Is told the names that each expression sees, before it is read. Later steps change them. */
export type Watch = (at: At, names: Names) => void;

/** Findings of one kind at one place are told once. */
export class Findings {
  readonly all: Finding[] = [];

  constructor(readonly watch?: Watch) {}

  add(finding: Omit<Finding, 'newVersionsOnly'>): void {
    // What was published before these rules runs as it did.
    this.all.push({ ...finding, newVersionsOnly: true });
  }
}

/** Levels of a mapping that are read. */
const MOST_LEVELS = 200;

/** The shape of a mapping's value, and of a value that is only read. */
export function readMapping(mapping: Json, at: At, names: Names, findings: Findings): Shape {
  return read(mapping, at, { names, findings, levels: MOST_LEVELS });
}

interface Reading {
  readonly names: Names;
  readonly findings: Findings;
  readonly levels: number;
}

function read(mapping: Json, at: At, reading: Reading): Shape {
  if (typeof mapping !== 'object' || mapping === null) return shapeOf(mapping);
  if (reading.levels === 0) return ANY;
  const below = { ...reading, levels: reading.levels - 1 };
  if (Array.isArray(mapping)) {
    const items = (mapping as readonly Json[]).map((item, index) =>
      read(item, { ...at, path: [...at.path, index] }, below),
    );
    return items.length === 0 ? { kinds: KIND.list } : listOf(items.reduce((a, b) => union(a, b)));
  }
  // A marker with other keys is refused, with what is in it.
  if (isExpression(mapping) && Object.keys(mapping).length > 1) return ANY;
  if (isExpression(mapping)) return readExpression(mapping.$expr, at, reading.names, reading.findings);
  if (isSecret(mapping)) return TEXT;
  if (isLiteral(mapping)) return shapeOf(mapping.$literal);
  if (!isJsonObject(mapping)) return ANY;
  const fields = new Map<string, Shape>();
  for (const [key, value] of Object.entries(mapping)) {
    fields.set(key, read(value, { ...at, path: [...at.path, key] }, below));
  }
  return { kinds: KIND.object, fields, open: false };
}

/** The shape of what an expression gives, where no value becomes null. */

export function readExpression(source: unknown, at: At, names: Names, findings: Findings): Shape {
  findings.watch?.(at, names);
  if (typeof source !== 'string') return ANY;
  const parsed = parsedExpression(source);
  if (parsed === undefined) return ANY;
  const shape = infer(parsed, names, ({ code, level, message, position, hint }) => {
    if (names.quiet === true) return;
    findings.add({
      code,
      level,
      message,
      stepPath: at.stepPath,
      path: [...at.path, '$expr'],
      index: position,
      hint,
    });
  });
  return (shape.kinds & KIND.nothing) === 0
    ? shape
    : orElse({ ...shape, kinds: shape.kinds & ~KIND.nothing }, KIND.null);
}

/** Says so where a value is never of a kind that its place takes. */
// eslint-disable-next-line @typescript-eslint/max-params -- a value, what it must be and where
export function mustBe(
  shape: Shape,
  kinds: number,
  value: Json | undefined,
  at: At,
  findings: Findings,
): void {
  // A literal is checked by the rules of its step, and null may be a value that is missing on this path only.
  if (value === undefined || !isExpression(value)) return;
  const given = shape.kinds & ~(KIND.nothing | KIND.null);
  if (given === 0 || (given & kinds) !== 0) return;
  const name = String(at.path.findLast((part) => typeof part === 'string') ?? 'the value');
  findings.add({
    code: 'EXPRESSION',
    message: `${name} must be ${kindsInWords(kinds)}, and this is always ${kindsInWords(given)}`,
    stepPath: at.stepPath,
    path: [...at.path, '$expr'],
  });
}
