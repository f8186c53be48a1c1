/**
 * Goes through the steps of a document in the order in which they can run, and knows at each what is known.
 *
 * Invariant [no-false-alarm]: what may have happened before a step counts as possible: a loop may have gone
 * round, a branch may have been taken, a step of a `try` may have failed after any other. Dead steps are
 * read as if all of it had happened.
 */
import { isExpression } from '../../contracts/definition/index.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { meantType } from '../rules/walk.js';
import { joined, leaves, type Loop, pathOf, type Tried } from './branches.js';
import type { Knowledge } from './knowledge.js';
import { ERROR_SHAPE, EVENT_SHAPE, loopNames, type Names, rootNames } from './names.js';
import { type At, Findings, mustBe, readExpression, readMapping, type Watch } from './reading.js';
import { conditionText, EVENT, Layer, negated, orNull } from './scope.js';
import { ANY, elementOf, KIND, listOf, NULL, objectOf, orElse, type Shape, TEXT, union } from './shape.js';
import { shapeOfSchema } from './schema-shape.js';
import { mentionedIn, writesOf } from './writes.js';

/** What surrounds a step. */
interface Around {
  readonly lexical: ReadonlyMap<string, Shape>;
  /** Whether a missing value is meant: a `finally` runs after any part of its `try`. */
  readonly lenient?: boolean;
  readonly loop: Loop | undefined;
}

/** One step with its place. */
interface Here extends At {
  readonly step: JsonObject;
  readonly around: Around;
}

/** Mappings of a task. */
const TASK_PARTS = [
  ...['title', 'description', 'context', 'requestedBy', 'assignee', 'exclude', 'quorum', 'priority'],
  ...['calendar', 'due', 'warnBefore', 'claimFor', 'onDue'],
];

const KEY_KINDS = KIND.text | KIND.number;

/** What a document gives, and what is wrong on the way. */
export class Flow {
  readonly findings: Findings;
  private result: Shape | undefined;
  private readonly elsewhere = new Map<string, string>();

  constructor(
    private readonly knowledge: Knowledge,
    watch?: Watch,
  ) {
    this.findings = new Findings(watch);
  }

  /** Goes through a document. @returns the shape of its result */
  document(document: JsonObject): Shape {
    const payload = shapeOfSchema(document['payloadSchema']);
    this.triggers(document);
    const layer = new Layer();
    const around: Around = { lexical: rootNames(payload), loop: undefined };
    const { steps } = document;
    if (!Array.isArray(steps)) return ANY;
    this.collectNames(steps);
    const ends = this.block(steps, { path: ['steps'], stepPath: 'steps' }, layer, around);
    const given = document['result'];
    if (ends && given !== undefined) {
      const names = { ...this.names(layer, around), lenient: true };
      this.gives(readMapping(given, { path: ['result'], stepPath: null }, names, this.findings));
    } else if (ends) {
      this.gives(NULL);
    }
    return this.result ?? ANY;
  }

  private gives(shape: Shape): void {
    this.result = this.result === undefined ? shape : union(this.result, shape);
  }

  private triggers({ triggers }: JsonObject): void {
    if (!Array.isArray(triggers)) return;
    const names: Names = {
      layer: undefined,
      lexical: new Map([[EVENT, EVENT_SHAPE]]),
      elsewhere: new Map(),
    };
    for (const [index, trigger] of (triggers as readonly Json[]).entries()) {
      if (!isJsonObject(trigger) || trigger['type'] !== 'event') continue;
      const at = (key: string): At => ({ path: ['triggers', index, key], stepPath: null });
      for (const key of ['filter', 'payload']) {
        const value = trigger[key];
        if (value === undefined) continue;
        const shape = readMapping(value, at(key), names, this.findings);
        if (key === 'filter') mustBe(shape, KIND.boolean, value, at(key), this.findings);
        else this.knowledge.checkPayload(value, shape, at(key), this.findings);
      }
    }
  }

  /** The names that steps give to items and errors, for hints. */
  private collectNames(value: Json): void {
    if (Array.isArray(value)) {
      for (const item of value as readonly Json[]) this.collectNames(item);
    } else if (isJsonObject(value)) {
      const { itemVar, captureErrorAs, id } = value;
      if (typeof itemVar === 'string') this.elsewhere.set(itemVar, `inside the loop ${nameOf(id)}`);
      if (typeof captureErrorAs === 'string') {
        this.elsewhere.set(captureErrorAs, `inside the catch of ${nameOf(id)}`);
      }
      for (const inner of Object.values(value)) if (typeof inner === 'object') this.collectNames(inner);
    }
  }

  private names(layer: Layer, { lexical, lenient }: Around): Names {
    return { layer, lexical, elsewhere: this.elsewhere, lenient: lenient === true };
  }

  /**
   * Goes through the steps of a block.
   * @param at the path of the list, and the step path of the block
   * @returns whether the block can end in the usual way
   */

  private block(steps: Json | undefined, at: At, layer: Layer, around: Around): boolean {
    if (!Array.isArray(steps)) return true;
    let ends = true;
    for (const [index, step] of (steps as readonly Json[]).entries()) {
      if (!isJsonObject(step)) continue;
      const path = [...at.path, index];
      const stepPath = `${at.stepPath ?? ''}[${index}]`;
      const reached = this.guarded({ step, path, stepPath, around }, layer);
      if (ends && !reached && index + 1 < steps.length) {
        this.findings.add({
          code: 'STEP_UNREACHABLE',
          level: 'warning',
          message: `no run gets here: ${nameOf(step['id'])} never goes on to the next step`,
          stepPath: `${at.stepPath ?? ''}[${index + 1}]`,
          path: [...at.path, index + 1],
        });
      }
      ends &&= reached;
    }
    return ends;
  }

  /** A step with its `when`, which may skip it, and its `onError`, which may let the run go on. */
  private guarded(here: Here, layer: Layer): boolean {
    const { step } = here;
    const { when } = step;
    if (when === undefined || when === true) return this.lenient(here, layer);
    const condition = this.condition(here, 'when', layer);
    const inside = new Layer(layer);
    const outside = new Layer(layer);
    if (condition !== undefined) {
      inside.assume(condition.text, condition.names);
      outside.assume(negated(condition.text), condition.names);
    }
    const reached = this.lenient(here, inside);
    const branches = [
      ...(reached ? [{ layer: inside, condition: condition?.text }] : []),
      { layer: outside, condition: condition && negated(condition.text) },
    ];
    layer.merge(branches, []);
    return true;
  }

  private lenient(here: Here, layer: Layer): boolean {
    const { onError } = here.step;
    if (!isJsonObject(onError) || onError['policy'] !== 'continue') return this.step(here, layer);
    const inside = new Layer(layer);
    this.step(here, inside);
    const { saveAs } = here.step;
    const saved = typeof saveAs === 'string' ? pathOf(saveAs) : undefined;
    layer.merge([{ layer: inside }, { layer: new Layer(layer) }]);
    // A step that fails saves null; what else it would have written is not there.
    const [name = '', ...rest] = saved ?? [];
    const entry = inside.own.get(name);
    if (entry !== undefined && rest.length === 0) layer.assign([name], orNull(entry.shape));
    return true;
  }

  // eslint-disable-next-line @typescript-eslint/max-params -- a condition of a step, or of one of its cases
  private condition(
    here: Here,
    key: string,
    layer: Layer,
    value: Json | undefined = here.step[key],
    path: readonly (string | number)[] = [key],
  ): { readonly text: string; readonly names: readonly string[] } | undefined {
    if (value === undefined || !isExpression(value) || Object.keys(value).length > 1) return undefined;
    const at = { path: [...here.path, ...path], stepPath: here.stepPath };
    const shape = readExpression(value.$expr, at, this.names(layer, here.around), this.findings);
    mustBe(shape, KIND.boolean, value, at, this.findings);
    return typeof value.$expr === 'string'
      ? { text: conditionText(value.$expr), names: mentionedIn(value.$expr) }
      : undefined;
  }

  /** Reads a mapping of a step; undefined if the step does not have it. */
  private value(here: Here, key: string, names: Names, kinds?: number): Shape | undefined {
    const value = here.step[key];
    if (value === undefined) return undefined;
    const at = { path: [...here.path, key], stepPath: here.stepPath };
    const shape = readMapping(value, at, names, this.findings);
    if (kinds !== undefined) mustBe(shape, kinds, value, at, this.findings);
    return shape;
  }

  private save(here: Here, layer: Layer, shape: Shape): void {
    const { saveAs } = here.step;
    const path = typeof saveAs === 'string' ? pathOf(saveAs) : undefined;
    if (path !== undefined) layer.assign(path, shape);
  }

  private assign(here: Here, layer: Layer, more: Partial<Names> = {}): void {
    const { assign } = here.step;
    if (!isJsonObject(assign)) return;
    for (const [key, value] of Object.entries(assign)) {
      const at = { path: [...here.path, 'assign', key], stepPath: here.stepPath };
      const names = { ...this.names(layer, here.around), ...more };
      const shape = readMapping(value, at, names, this.findings);
      const path = pathOf(key);
      if (path !== undefined) layer.assign(path, shape);
    }
  }

  private inside(here: Here, key: string): At {
    return { path: [...here.path, key], stepPath: `${here.stepPath ?? ''}.${key}` };
  }

  private step(here: Here, layer: Layer): boolean {
    const names = this.names(layer, here.around);
    switch (meantType(here.step['type'])) {
      case 'action.call':
        return this.action(here, layer);
      case 'state.set':
        this.value(here, 'state', names, KIND.text);
        return true;
      case 'transform.assign':
        this.assign(here, layer);
        return true;
      case 'event.publish':
        this.value(here, 'payload', names);
        this.value(here, 'correlationKey', names, KEY_KINDS);
        return true;
      case 'event.wait':
        this.value(here, 'correlationKey', names, KEY_KINDS);
        this.value(here, 'filters', names);
        this.value(here, 'timeoutMs', names, KIND.number);
        layer.assign([EVENT], EVENT_SHAPE);
        this.assign(here, layer);
        return true;
      case 'time.wait':
        this.value(here, 'durationMs', names, KIND.number);
        this.value(here, 'duration', names, KIND.text);
        this.value(here, 'until', names, KIND.text);
        this.assign(here, layer);
        return true;
      case 'control.callWorkflow':
        return this.child(here, layer);
      case 'control.return':
        this.gives(this.value(here, 'result', names) ?? ANY);
        return false;
      case 'control.fail':
        this.value(here, 'message', names);
        this.value(here, 'details', names);
        return false;
      case 'control.break':
      case 'control.continue':
        leaves(here.around.loop, layer);
        return false;
      case 'control.if':
        return this.choose(here, layer);
      case 'control.switch':
        return this.switch(here, layer);
      case 'control.forEach':
        return this.forEach(here, layer);
      case 'control.while':
        return this.while(here, layer);
      case 'control.parallel':
      case 'control.race':
        return this.lanes(here, layer);
      case 'control.tryCatch':
        return this.tryCatch(here, layer);
      case 'control.saga':
        return this.block(here.step['steps'], this.inside(here, 'steps'), layer, here.around);
      case 'human.task':
        for (const key of TASK_PARTS) this.value(here, key, names);
        // What people answer is not known.
        layer.assign([EVENT], EVENT_SHAPE);
        this.save(here, layer, ANY);
        this.assign(here, layer);
        return true;
      case undefined:
        // What an unknown step sees is not known, and what it saves is.
        this.assign(here, layer, { quiet: true });
        this.save(here, layer, ANY);
        layer.weaken(writesOf(Object.values(here.step).filter((value) => typeof value === 'object')));
        return true;
    }
  }

  private action(here: Here, layer: Layer): boolean {
    const { step, around } = here;
    const names = this.names(layer, around);
    const input = this.value(here, 'input', names);
    this.knowledge.checkCall(step, input, here, this.findings);
    this.value(here, 'idempotencyKey', names, KEY_KINDS);
    const output = this.knowledge.outputOf(step);
    this.save(here, layer, output);
    const { compensate } = step;
    if (isJsonObject(compensate)) {
      const undo = { step: compensate, path: [...here.path, 'compensate'], stepPath: here.stepPath, around };
      const more = [['input', ANY] as const, ['output', output] as const, ['error', ERROR_SHAPE] as const];
      const lexical = new Map([...around.lexical, ...more]);
      const undone = this.value(undo, 'input', { ...this.names(layer, around), lexical });
      this.knowledge.checkCall(compensate, undone, undo, this.findings);
    }
    return true;
  }

  private child(here: Here, layer: Layer): boolean {
    const { step } = here;
    const input = this.value(here, 'input', this.names(layer, here.around));
    this.knowledge.checkChild(step, input, here, this.findings);
    const result =
      step['detached'] === true ? objectOf({ workflowId: TEXT, runId: TEXT }) : this.knowledge.resultOf(step);
    this.save(here, layer, result);
    return true;
  }

  private choose(here: Here, layer: Layer): boolean {
    const { step, around } = here;
    const condition = this.condition(here, 'condition', layer);
    const then = new Layer(layer);
    const otherwise = new Layer(layer);
    if (condition !== undefined) {
      then.assume(condition.text, condition.names);
      otherwise.assume(negated(condition.text), condition.names);
    }
    const first = this.block(step['then'], this.inside(here, 'then'), then, around);
    const second = this.block(step['else'], this.inside(here, 'else'), otherwise, around);
    return joined(layer, [
      { layer: then, ends: first && step['condition'] !== false, condition: condition?.text },
      {
        layer: otherwise,
        ends: second && step['condition'] !== true,
        condition: condition && negated(condition.text),
      },
    ]);
  }

  private switch(here: Here, layer: Layer): boolean {
    const { step, around } = here;
    const branches: Tried[] = [];
    const facts: { readonly text: string; readonly names: readonly string[] }[] = [];
    const enter = (): Layer => {
      const inside = new Layer(layer);
      for (const { text, names } of facts) inside.assume(negated(text), names);
      return inside;
    };
    for (const [index, choice] of (Array.isArray(step['cases'])
      ? (step['cases'] as readonly Json[])
      : []
    ).entries()) {
      if (!isJsonObject(choice)) continue;
      const condition = this.condition(here, 'when', layer, choice['when'], ['cases', index, 'when']);
      const inside = enter();
      if (condition !== undefined) {
        inside.assume(condition.text, condition.names);
        facts.push(condition);
      }
      const at = {
        path: [...here.path, 'cases', index, 'steps'],
        stepPath: `${here.stepPath ?? ''}.cases[${index}]`,
      };
      const ends = this.block(choice['steps'], at, inside, around);
      branches.push({ layer: inside, ends, condition: condition?.text });
    }
    const rest = enter();
    const ends = this.block(step['default'], this.inside(here, 'default'), rest, around);
    return joined(layer, [...branches, { layer: rest, ends }]);
  }

  private forEach(here: Here, layer: Layer): boolean {
    const { step, around } = here;
    const items = this.value(here, 'items', this.names(layer, around)) ?? ANY;
    const atOnce = step['concurrency'] !== undefined && step['concurrency'] !== 1;
    const writes = writesOf(step['body']);
    const base = new Layer(layer);
    // One after the other, an iteration sees what the ones before it wrote.
    base.weaken(atOnce ? [...writes].filter((name) => layer.get(name) !== undefined) : writes);
    const body = new Layer(base);
    for (const [name, entry] of base.own) if (!atOnce || entry.certain) body.own.set(name, entry);
    const itemVar = typeof step['itemVar'] === 'string' ? step['itemVar'] : undefined;
    const item = elementOf(items);
    const lexical = new Map([...around.lexical, ...loopNames(item, itemVar)]);
    const loop: Loop = { writes, certain: undefined };
    const inside = { ...around, lexical, loop };
    const ends = this.block(step['body'], this.inside(here, 'body'), body, inside);
    if (ends) leaves(loop, body);
    const collect = step['collect'];
    if (collect !== undefined) {
      const names = { ...this.names(body, inside), collects: body };
      const at = { path: [...here.path, 'collect'], stepPath: here.stepPath };
      const shape = readMapping(collect, at, names, this.findings);
      this.after(layer, writes, this.runsOnce(step) ? loop.certain : undefined);
      const fails = step['onItemError'] === 'continue';
      this.save(here, layer, listOf(fails ? orElse(shape, KIND.null) : shape));
      return true;
    }
    this.after(layer, writes, this.runsOnce(step) ? loop.certain : undefined);
    return true;
  }

  /** Whether a loop over items is known to have one, and to end each iteration well. */
  private runsOnce({ items, onItemError }: JsonObject): boolean {
    return Array.isArray(items) && items.length > 0 && onItemError !== 'continue';
  }

  private while(here: Here, layer: Layer): boolean {
    const { step, around } = here;
    const writes = writesOf(step['body']);
    const always = step['condition'] === true;
    const base = new Layer(layer);
    base.weaken(writes);
    const condition = this.condition(here, 'condition', base);
    const body = new Layer(base);
    for (const [name, entry] of base.own) body.own.set(name, entry);
    if (condition !== undefined) body.assume(condition.text, condition.names);
    const loop: Loop = { writes, certain: undefined };
    const ends = this.block(step['body'], this.inside(here, 'body'), body, { ...around, loop });
    if (ends) leaves(loop, body);
    this.after(layer, writes, always ? loop.certain : undefined);
    // The end of an endless loop is its break.
    return !always || loop.certain !== undefined;
  }

  /** After a loop: what it wrote may be there. */
  private after(layer: Layer, writes: ReadonlySet<string>, certain: ReadonlySet<string> | undefined): void {
    layer.weaken(writes);
    for (const name of writes) if (certain?.has(name) === true) layer.assign([name], ANY);
  }

  private lanes(here: Here, layer: Layer): boolean {
    const { step, around } = here;
    const { branches, join, saveAs } = step;
    if (!isJsonObject(branches)) return true;
    const race = meantType(step['type']) === 'control.race';
    const told: Record<string, Shape> = {};
    const lanes: Tried[] = [];
    for (const [name, steps] of Object.entries(branches)) {
      const lane = new Layer(layer);
      const at = {
        path: [...here.path, 'branches', name],
        stepPath: `${here.stepPath ?? ''}.branches.${name}`,
      };
      // A loop cannot be left from inside a lane.
      const ends = this.block(steps, at, lane, { ...around, loop: undefined });
      lanes.push({ layer: lane, ends });
      told[name] = objectOf({ status: TEXT, error: orElse(ERROR_SHAPE, KIND.null) });
    }
    const saved = typeof saveAs === 'string' ? pathOf(saveAs) : undefined;
    const also = saved === undefined ? [] : saved.slice(0, 1);
    let ends: boolean;
    if (race) {
      ends = joined(layer, lanes, also);
    } else {
      const settled = join === 'settled';
      layer.join(
        lanes.filter((lane) => lane.ends || settled).map((lane) => lane.layer),
        settled,
        also,
      );
      ends = settled || lanes.every((lane) => lane.ends);
      if (!ends) layer.weaken(lanes.flatMap((lane) => [...lane.layer.own.keys()]));
    }
    this.save(here, layer, race ? TEXT : objectOf(told));
    return ends;
  }

  private tryCatch(here: Here, layer: Layer): boolean {
    const { step, around } = here;
    const tried = new Layer(layer);
    const first = this.block(step['try'], this.inside(here, 'try'), tried, around);
    const writes = writesOf(step['try']);
    const branches: Tried[] = [{ layer: tried, ends: first }];
    if (Array.isArray(step['catch'])) {
      const base = new Layer(layer);
      base.weaken(writes);
      const caught = new Layer(base);
      for (const [name, entry] of base.own) caught.own.set(name, entry);
      const { captureErrorAs } = step;
      const lexical = new Map([...around.lexical, ['error', ERROR_SHAPE] as const]);
      if (typeof captureErrorAs === 'string') lexical.set(captureErrorAs, ERROR_SHAPE);
      const ends = this.block(step['catch'], this.inside(here, 'catch'), caught, { ...around, lexical });
      branches.push({ layer: caught, ends });
    }
    const ends = joined(layer, branches);
    if (!Array.isArray(step['finally'])) return ends;
    const weak = new Layer(layer);
    weak.weaken([...writes, ...writesOf(step['catch'])].filter((name) => layer.get(name)?.certain !== true));
    const last = new Layer(weak);
    const ended = this.block(step['finally'], this.inside(here, 'finally'), last, {
      ...around,
      lenient: true,
    });
    for (const [name, entry] of last.own) layer.own.set(name, entry);
    return ends && ended;
  }
}

function nameOf(id: Json | undefined): string {
  return typeof id === 'string' ? id : 'the step';
}
