import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { walkSteps } from '../../contracts/definition/index.js';
import { readDefinition } from '../../definitions/index.js';
import { withHead } from './cases.js';

const EXAMPLES = new URL('../../examples/', import.meta.url);
const examples = readdirSync(EXAMPLES).filter((file) => file.endsWith('.yaml'));

describe('the examples', () => {
  it.each(examples)('%s is a valid definition, named as its file', (file) => {
    const text = readFileSync(new URL(file, EXAMPLES), 'utf8');
    const { definition } = readDefinition(text, 'yaml');
    expect(`${definition.id}.yaml`).toBe(file);
    expect(text.startsWith('# yaml-language-server: $schema=../schema/definition.schema.json\n')).toBe(true);
  });

  it('the examples are five real definitions, and three of them have at least 15 steps', () => {
    const sizes = examples.map((file) => {
      const { definition } = readDefinition(readFileSync(new URL(file, EXAMPLES), 'utf8'), 'yaml');
      return [...walkSteps(definition)].length;
    });
    expect(sizes).toHaveLength(5);
    expect(sizes.filter((steps) => steps >= 15)).toHaveLength(3);
  });
});

const ACCEPTED: Readonly<Record<string, string>> = {
  'no steps at all': '',
  'empty blocks': `
  - { id: a, type: control.if, condition: true, then: [] }
  - { id: b, type: control.switch, cases: [] }
  - { id: c, type: control.forEach, items: [], body: [] }
  - { id: d, type: control.while, condition: false, body: [] }
  - { id: e, type: control.parallel, branches: { one: [] } }
  - { id: f, type: control.race, branches: { one: [] } }
  - { id: g, type: control.tryCatch, try: [], finally: [] }
  - { id: h, type: control.saga, steps: [] }`,
  'everything that an action.call may say': `
  - id: a
    name: An action
    type: action.call
    when: { $expr: payload.ready }
    action: core.echo
    version: 2
    input: { list: [1, { $expr: "1 + 1" }], key: { $secret: API_KEY }, raw: { $literal: { $expr: x, $set: 1 } } }
    saveAs: vars.answer.first
    retry: { maxAttempts: 5, backoffMs: 0, backoffMultiplier: 1, jitter: false, maxDelayMs: 5, retryOn: [A_B] }
    timeoutMs: 1
    heartbeatMs: 1
    idempotencyKey: { $expr: payload.id }
    local: true
    onError: { policy: continue }`,
  'an event.wait with everything': `
  - id: a
    type: event.wait
    eventName: [A, B]
    correlationKey: 7
    filters:
      - { path: a.0.b, op: in, value: [1, { $expr: payload.x }] }
      - { path: b, op: ">", value: { $expr: payload.y } }
      - { path: c, op: not_exists }
      - { path: d, op: "=", value: null }
    timeoutMs: { $expr: payload.ms }
    lookbackMs: 0
    assign: { a.b: { $expr: event.payload }, vars.größe: 1 }`,
  'each kind of time.wait': `
  - { id: a, type: time.wait, durationMs: 0 }
  - { id: b, type: time.wait, durationMs: { $expr: "5 * 5" } }
  - { id: c, type: time.wait, duration: P2W }
  - { id: d, type: time.wait, duration: P1DT2H3M4.5S, assign: { a: 1 } }
  - { id: e, type: time.wait, until: "2030-01-01T00:00:00.5+05:30" }
  - { id: f, type: time.wait, until: { $expr: payload.at } }`,
  'break and continue of the nearest loop, also from a branch, a catch and a case': `
  - id: loop
    type: control.forEach
    items: { $expr: payload.list }
    itemVar: item
    concurrency: 500
    onItemError: continue
    collect: null
    saveAs: list
    body:
      - id: p
        type: control.parallel
        join: settled
        saveAs: outcome
        branches:
          left: [{ id: a, type: control.break, when: false }]
          right-hand: [{ id: b, type: control.continue, onError: { policy: continue } }]
      - id: t
        type: control.tryCatch
        try: [{ id: s, type: control.switch, cases: [{ when: true, steps: [{ id: c, type: control.break }] }] }]
        catch: [{ id: d, type: control.continue }]`,
  'a rethrow anywhere in a catch': `
  - id: t
    type: control.tryCatch
    try: []
    catchCodes: [A, B_2]
    captureErrorAs: problem
    catch:
      - id: if
        type: control.if
        condition: { $expr: problem.code = "A" }
        then: [{ id: a, type: control.fail, rethrow: true }]
        else: [{ id: b, type: control.fail }]`,
  'a child, a return and a fail': `
  - { id: a, type: control.callWorkflow, workflow: child-1, version: 1, input: {}, detached: true, saveAs: ref }
  - { id: b, type: control.fail, code: SOLD_OUT, message: { $expr: '"no"' }, details: [1] }
  - { id: c, type: control.return, result: { a: { $expr: payload.a }, 404: not found } }`,
  'names of JavaScript and of functions, where they are only names': `
  - { id: constructor, type: transform.assign, assign: { count: 1, vars.sum.toString: 2, a.0: 3 } }
  - { id: toString, type: control.forEach, items: 1, body: [], itemVar: count }
  - { id: b, type: control.return, result: { constructor: 1, prototype: 2, hasOwnProperty: 3 } }`,
};

describe('accepted documents', () => {
  it.each(Object.entries(ACCEPTED))('validation accepts %s', (_name, steps) => {
    expect(readDefinition(withHead(steps === '' ? '  []' : steps.slice(1)), 'yaml').definition.id).toBe('t');
  });

  it('every scalar of the core schema has its JSON value', () => {
    const { document } = readDefinition(
      'id: a\nversion: 0x1\nsteps: []\nresult: [0o17, 1.5e3, -0.0, yes, on, ~, True, "1", 9007199254740991, 012]\n',
      'yaml',
    );
    expect(document).toMatchObject({
      version: 1,
      result: [15, 1500, -0, 'yes', 'on', null, true, '1', 9007199254740991, 12],
    });
  });

  it('an alias has the value of the last anchor with its name', () => {
    const { document } = readDefinition(
      'id: a\nversion: 1\nresult: [&x 1, *x, &x { b: &y two }, *x, *y, &key k]\nsteps: []\n',
      'yaml',
    );
    expect(document).toMatchObject({ result: [1, 1, { b: 'two' }, { b: 'two' }, 'two', 'k'] });
  });

  it('a JSON document may have escapes, surrogates and a byte order mark', () => {
    const text = '\uFEFF{"id":"a","version":1,"steps":[],"name":"\\ud83d\\ude00 \\u00e9\\/"}';
    expect(readDefinition(text, 'json').definition.name).toBe('😀 é/');
  });

  it('a YAML document may have a byte order mark and Windows line ends', () => {
    const text = '\uFEFFid: a\r\nversion: 1\r\nsteps: []\r\n';
    expect(readDefinition(text, 'yaml').definition).toEqual({ id: 'a', version: 1, steps: [] });
  });
});

describe('the order of the document', () => {
  it('branches, assignments and mappings keep the order of the author [written-order-holds]', () => {
    const { definition } = readDefinition(
      withHead(`  - id: p
    type: control.parallel
    branches: { zeta: [], alpha: [], mid: [] }
  - id: a
    type: transform.assign
    assign: { z: 1, a: 2, m: 3 }
`),
      'yaml',
    );
    const [parallel, assign] = definition.steps;
    expect(parallel?.type === 'control.parallel' && Object.keys(parallel.branches)).toEqual([
      'zeta',
      'alpha',
      'mid',
    ]);
    expect(assign?.type === 'transform.assign' && Object.keys(assign.assign)).toEqual(['z', 'a', 'm']);
  });
});
