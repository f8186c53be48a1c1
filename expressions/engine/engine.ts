/** The engine of this process or sandbox, created on first use with the frame that expressions run in. */
import type { Engine, Frame, SyntaxNode } from '../metering/engine-types.js';
import { createEngine } from '../generated/jsonata-sync.js';
import { BUILT_IN_NAMES } from '../functions/catalogue.js';
import { guardedDates } from '../dates/jsonata-dates.js';
import { MAX_DEPTH, MAX_STEPS } from '../budget/limits.js';
import { Meter } from '../metering/meter.js';
import { helperFunction, HELPERS, HELPER_VARIABLES } from './helpers.js';

/** The engine with its meter and frame. */
export interface EngineInstance {
  readonly engine: Engine;
  readonly meter: Meter;
  /** The functions that an expression may call: the catalogue and nothing else. */
  readonly allowed: Frame;
}

/** Depth of the bare engine: enough for JSONata's test suite, and within the stack of a thread. */
const RAW_DEPTH = 1_500;

let instance: EngineInstance | undefined;

/** The engine. No expression pays for its creation. */
export function theEngine(): EngineInstance {
  if (instance) return instance;
  const meter = new Meter();
  meter.helpers = HELPER_VARIABLES;
  const engine = createEngine(meter);
  // The engine analyses its default picture at first use. Do it here, so that no evaluation pays for it.
  engine.datetime.fromMillis.call({}, 0);
  const allowed = engine.createFrame(null);
  for (const name of BUILT_IN_NAMES) allowed.bind(name, engine.staticFrame.lookup(name));
  for (const [name, { implementation, signature }] of Object.entries(guardedDates(engine))) {
    allowed.bind(name, engine.defineFunction(implementation, signature));
  }
  for (const [name, helper] of Object.entries(HELPERS)) {
    allowed.bind(HELPER_VARIABLES.get(name) ?? name, helperFunction(engine, meter, helper));
  }
  instance = { engine, meter, allowed };
  return instance;
}

/** One evaluation of parsed source. */
interface Execution {
  readonly node: SyntaxNode;
  readonly input: unknown;
  /** Variables by name, without `$`. */
  readonly bindings: Readonly<Record<string, unknown>>;
  /** The frame with the functions that may be called. */
  readonly base: Frame;
  /** Epoch ms. */
  readonly nowMs: number;
}

/** Evaluates parsed source in a new frame. The result may share structure with the input. */
export function execute(
  { engine, meter }: EngineInstance,
  { node, input, bindings, base, nowMs }: Execution,
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
    // JSONata wraps an array to treat it as a single input.
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
 * The bare synchronous engine: plain JSONata, without Sluice's dialect, allow-list and budget (except for the
 * depth, to protect the stack). For JSONata's test suite.
 *
 * @param bindings variables by name, without `$`
 * @returns JSONata's result: it may be undefined or a function, and may share structure with the input
 * @throws JSONata's plain error objects, with `code`, `position` and `message`
 */
export function evaluateRaw(
  source: string,
  input: unknown,
  bindings: Readonly<Record<string, unknown>> = {},
): unknown {
  const bare = theEngine();
  const { engine, meter } = bare;
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
    return execute(bare, { node, input, bindings, base, nowMs: now });
  } catch (thrown) {
    if (typeof thrown === 'object' && thrown !== null) engine.populateMessage(thrown);
    throw thrown;
  }
}

/** The budget of an evaluation. */
export const EVALUATION = { steps: MAX_STEPS, depth: MAX_DEPTH };
