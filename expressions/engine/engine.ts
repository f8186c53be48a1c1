/** The one engine of this process or sandbox: made on first use, with the frame that expressions run in. */
import type { Engine, Frame, SyntaxNode } from '../metering/engine-types.js';
import { createEngine } from '../generated/jsonata-sync.js';
import { BUILT_IN_NAMES } from '../functions/catalogue.js';
import { guardedDates } from '../dates/jsonata-dates.js';
import { MAX_DEPTH, MAX_STEPS } from '../budget/limits.js';
import { Meter } from '../metering/meter.js';
import { helperFunction, HELPERS, HELPER_VARIABLES } from './helpers.js';

export interface Running {
  readonly engine: Engine;
  readonly meter: Meter;
  /** What an expression may call: the catalogue, and nothing else. */
  readonly allowed: Frame;
}

/** Depth of the bare engine: what its test suite needs, and what a thread's stack holds. */
const RAW_DEPTH = 1_500;

let running: Running | undefined;

/** The engine. Making it is not charged to any expression. */
export function theEngine(): Running {
  if (running) return running;
  const meter = new Meter();
  meter.helpers = HELPER_VARIABLES;
  const engine = createEngine(meter);
  // The engine analyses its default picture at first use: here, so that no evaluation is charged for it.
  engine.datetime.fromMillis.call({}, 0);
  const allowed = engine.createFrame(null);
  for (const name of BUILT_IN_NAMES) allowed.bind(name, engine.staticFrame.lookup(name));
  for (const [name, { implementation, signature }] of Object.entries(guardedDates(engine))) {
    allowed.bind(name, engine.defineFunction(implementation, signature));
  }
  for (const [name, helper] of Object.entries(HELPERS)) {
    allowed.bind(HELPER_VARIABLES.get(name) ?? name, helperFunction(engine, meter, helper));
  }
  running = { engine, meter, allowed };
  return running;
}

/** Evaluates parsed source in a new frame. The result may share structure with the input. */
export function execute(
  { engine, meter }: Running,
  node: SyntaxNode,
  input: unknown,
  bindings: Readonly<Record<string, unknown>>,
  base: Frame,
  nowMs: number,
): unknown {
  meter.nowMs = nowMs;
  const frame = engine.createFrame(base);
  for (const name of Object.keys(bindings)) frame.bind(name, bindings[name]);
  frame.bind('$', input);
  frame['timestamp'] = new Date(nowMs);
  frame['createSequence'] = createSequence;
  frame['RegexEngine'] = meter.Regex;
  frame['base'] = frame;
  let context = input;
  if (Array.isArray(input)) {
    // JSONata takes an array as one input by wrapping it.
    const wrapped = createSequence(input);
    (wrapped as unknown as Record<symbol, boolean>)[meter.flags.outerWrapper] = true;
    context = wrapped;
  }
  return engine.evaluate(node, context, frame);
}

function createSequence(...items: unknown[]): unknown[] {
  const sequence = items.length === 1 ? [items[0]] : [];
  (sequence as unknown as { sequence: boolean }).sequence = true;
  return sequence;
}

/**
 * The bare synchronous engine: JSONata as the package has it, without Sluice's dialect, allow-list and
 * budget (but for the depth, which would overflow the stack). For JSONata's own test suite.
 *
 * @param bindings variables by name, without `$`
 * @returns what JSONata returns: it may be undefined or a function, and may share structure with the input
 * @throws JSONata's plain error objects, with `code`, `position` and `message`
 */
export function evaluateRaw(
  source: string,
  input: unknown,
  bindings: Readonly<Record<string, unknown>> = {},
): unknown {
  const running = theEngine();
  const { engine, meter } = running;
  meter.dialect = false;
  meter.start({ steps: Infinity, depth: RAW_DEPTH });
  const now = Date.now();
  try {
    const node = engine.parser(source);
    const base = engine.createFrame(engine.staticFrame);
    base.bind(
      'millis',
      engine.defineFunction(() => now, '<:n>'),
    );
    base.bind(
      'now',
      engine.defineFunction(
        (picture?: string, timezone?: string) => engine.datetime.fromMillis.call({}, now, picture, timezone),
        '<s?s?:s>',
      ),
    );
    return execute(running, node, input, bindings, base, now);
  } catch (thrown) {
    if (typeof thrown === 'object' && thrown !== null) engine.populateMessage(thrown);
    throw thrown;
  }
}

/** The budget of an evaluation. */
export const EVALUATION = { steps: MAX_STEPS, depth: MAX_DEPTH };
