/**
 * [what-is-accepted-runs]: a run never refuses what validation accepts. This file really runs every literal
 * at the limit of what validation accepts. `bad-documents.test.ts` covers the other direction: validation
 * refuses what a run would refuse.
 */
import { describe, expect, it } from 'vitest';
import { useSluice } from '../support/sluice.js';
import { withHead } from './cases.js';

const sluice = useSluice({ secrets: { A: 'a' } });

const long = (length: number, letter = 'x') => letter.repeat(length);
const names = (count: number, name: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => name(i));

const EDGES: Readonly<Record<string, string>> = {
  'a state of one character and of 256': `
  - { id: a, type: state.set, state: S }
  - { id: b, type: state.set, state: ${long(256)} }
  - { id: c, type: state.set, state: { $literal: T } }`,
  'idempotency keys: a number, 1,024 characters': `
  - { id: a, type: action.call, action: core.echo, idempotencyKey: 0 }
  - { id: b, type: action.call, action: core.echo, idempotencyKey: ${long(1_024)} }
  - { id: c, type: action.call, action: core.echo, idempotencyKey: { $literal: k } }`,
  'every field of an action at its edge': `
  - id: a
    type: action.call
    action: core.echo
    version: 1
    input: { raw: { $literal: { $expr: 5, $any: null } }, key: { $secret: A }, none: null }
    saveAs: ${['vars', ...names(32, () => 'a')].join('.')}
    retry: { maxAttempts: 10000, backoffMs: 0, backoffMultiplier: 100, maxDelayMs: 1, retryOn: [A] }
    timeoutMs: 2073600000
    heartbeatMs: 2073600000
    onError: { policy: fail }
  - { id: b, type: action.call, action: core.echo, local: true, timeoutMs: 2073600000 }`,
  'times that are over': `
  - { id: a, type: time.wait, durationMs: 0 }
  - { id: b, type: time.wait, durationMs: 0.5 }
  - { id: c, type: time.wait, duration: PT0S, assign: { a: 1 } }
  - { id: d, type: time.wait, until: '1970-01-01T00:00:00+14:00' }
  - { id: e, type: time.wait, durationMs: { $literal: 1 } }`,
  'the longest times, lost to a branch that is done': `
  - id: r
    type: control.race
    saveAs: winner
    branches:
      ms: [{ id: a, type: time.wait, durationMs: 3155760000000 }]
      iso: [{ id: b, type: time.wait, duration: P36525D }]
      event: [{ id: c, type: event.wait, eventName: E, timeoutMs: 3155760000000 }]
      now: [{ id: d, type: time.wait, durationMs: 20 }]`,
  'waits: numbers as keys, the longest names, every operator, the longest lookback': `
  - id: w
    type: control.tryCatch
    try:
      - id: a
        type: event.wait
        eventName: [${names(100, (i) => `E${i}`).join(', ')}]
        correlationKey: 7.5
        lookbackMs: 9007199254740991
        timeoutMs: 1
        filters:
          - { path: a.0.b, op: '=', value: null }
          - { path: a, op: '!=', value: {} }
          - { path: a, op: '>', value: x }
          - { path: a, op: '>=', value: 1 }
          - { path: a, op: '<', value: '' }
          - { path: a, op: '<=', value: -1 }
          - { path: a, op: in, value: [null] }
          - { path: a, op: not_in, value: [[1]] }
          - { path: a, op: exists }
          - { path: a, op: not_exists }
          - { path: a, op: contains, value: true }
          - { path: a, op: starts_with, value: '' }
          - { path: a, op: ends_with, value: { $literal: z } }
      - { id: never, type: control.fail }
    catchCodes: [WAIT_TIMEOUT]
    catch:
      - id: again
        type: control.tryCatch
        try: [{ id: b, type: event.wait, eventName: ${long(256, 'E')}, correlationKey: ${long(10_240, 'k')}, timeoutMs: 1 }]
        catch: []`,
  'loops at their edges': `
  - { id: a, type: control.forEach, items: 0, body: [] }
  - { id: b, type: control.forEach, items: { $literal: { $expr: x } }, body: [], concurrency: 500 }
  - id: c
    type: control.forEach
    items: [[1], null, false]
    itemVar: count
    concurrency: 500
    body: [{ id: skip, type: control.continue, when: { $expr: isFirst } }]
    collect: { $expr: '[$item, count, $sum([1, index])]' }
    saveAs: vars.list.deep
  - { id: d, type: control.while, condition: false, body: [], maxIterations: 1000000 }
  - { id: e, type: control.while, condition: true, body: [{ id: out, type: control.break }], maxIterations: 1 }`,
  'blocks that are empty': `
  - { id: a, type: control.if, condition: true, then: [] }
  - { id: b, type: control.if, condition: false, then: [], else: [] }
  - { id: c, type: control.switch, cases: [] }
  - { id: d, type: control.switch, cases: [{ when: true, steps: [] }], default: [] }
  - { id: e, type: control.tryCatch, try: [], catch: [] }
  - { id: f, type: control.tryCatch, try: [], finally: [] }
  - { id: g, type: control.saga, steps: [] }
  - { id: h, type: control.race, branches: { _: [] }, saveAs: winner }
  - { id: i, type: transform.assign, assign: {} }
  - { id: j, type: control.parallel, branches: { ${names(500, (i) => `b${i}: []`).join(', ')} }, saveAs: all }`,
  'break and continue from every block that allows them': `
  - id: loop
    type: control.forEach
    items: [1, 2, 3, 4, 5, 6]
    body:
      - id: which
        type: control.switch
        cases:
          - { when: { $expr: item = 1 }, steps: [{ id: c1, type: control.continue }] }
          - when: { $expr: item = 2 }
            steps: [{ id: p, type: control.parallel, branches: { a: [{ id: c2, type: control.continue }] } }]
          - when: { $expr: item = 3 }
            steps: [{ id: r, type: control.race, branches: { a: [{ id: c3, type: control.continue }] } }]
          - when: { $expr: item = 4 }
            steps:
              - id: t
                type: control.tryCatch
                try: [{ id: f, type: control.fail, code: X, message: 5, details: null }]
                catch: [{ id: c4, type: control.continue }]
          - when: { $expr: item = 5 }
            steps: [{ id: t2, type: control.tryCatch, try: [], finally: [{ id: b5, type: control.break }] }]
        default: [{ id: never, type: control.fail }]`,
  'a rethrow in the depth of a catch': `
  - id: outer
    type: control.tryCatch
    captureErrorAs: item
    try:
      - id: inner
        type: control.tryCatch
        try: [{ id: f, type: control.fail }]
        catch:
          - id: loop
            type: control.forEach
            items: [1]
            concurrency: 2
            body: [{ id: again, type: control.fail, rethrow: true, when: true }]
    catch:
      - { id: check, type: control.fail, code: WRONG, when: { $expr: item.code != "FAILED" } }`,
  'paths of every kind': `
  - id: a
    type: transform.assign
    assign: { vars.list: [{ a: 1 }], list.0.a: 2, größe.x_1-y: 3, toString: 4, vars.a.payload: 5, item: 6, length: 7 }`,
  'a return with nothing': `
  - { id: a, type: control.return }`,
};

describe('a run accepts what validation accepts [what-is-accepted-runs]', () => {
  it.each(Object.entries(EDGES))('a run with an accepted document succeeds: %s', async (name, steps) => {
    const id = `edge-${Object.keys(EDGES).indexOf(name)}`;
    const source = withHead(`${steps.slice(1)}\n`).replace('id: t\n', `id: ${id}\n`);
    await expect(sluice().run(source)).resolves.toBeNull();
  });
});
