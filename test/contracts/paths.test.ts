import { describe, expect, it } from 'vitest';
import { blockAt, childBlocks, Definition, stepAt, walkSteps } from '../../contracts/definition/index.js';

const leaf = (id: string) => ({ id, type: 'state.set' as const, state: 'S' });

const definition = Definition.parse({
  id: 'paths',
  version: 1,
  steps: [
    leaf('first'),
    {
      id: 'if',
      type: 'control.if',
      condition: true,
      then: [leaf('then0'), leaf('then1')],
      else: [leaf('else0')],
    },
    {
      id: 'switch',
      type: 'control.switch',
      cases: Array.from({ length: 11 }, (_, i) => ({
        when: true,
        steps: [leaf(`case${i}`), leaf(`case${i}b`)],
      })),
      default: [leaf('default0')],
    },
    {
      id: 'parallel',
      type: 'control.parallel',
      branches: {
        a: [leaf('a0')],
        'a-b': [{ id: 'each', type: 'control.forEach', items: [], body: [leaf('body0')] }],
        race: [{ id: 'race', type: 'control.race', branches: { then: [leaf('raced')] } }],
      },
    },
    {
      id: 'try',
      type: 'control.tryCatch',
      try: [{ id: 'while', type: 'control.while', condition: false, body: [leaf('looped')] }],
      catch: [leaf('caught')],
      finally: [{ id: 'saga', type: 'control.saga', steps: [leaf('in-saga')] }],
    },
    { id: 'bare-try', type: 'control.tryCatch', try: [], finally: [] },
  ],
});

/** Every step with its path, in the order of the document. */
const PATHS: readonly (readonly [string, string])[] = [
  ['steps[0]', 'first'],
  ['steps[1]', 'if'],
  ['steps[1].then[0]', 'then0'],
  ['steps[1].then[1]', 'then1'],
  ['steps[1].else[0]', 'else0'],
  ['steps[2]', 'switch'],
  ...Array.from({ length: 11 }, (_, i): (readonly [string, string])[] => [
    [`steps[2].cases[${i}][0]`, `case${i}`],
    [`steps[2].cases[${i}][1]`, `case${i}b`],
  ]).flat(),
  ['steps[2].default[0]', 'default0'],
  ['steps[3]', 'parallel'],
  ['steps[3].branches.a[0]', 'a0'],
  ['steps[3].branches.a-b[0]', 'each'],
  ['steps[3].branches.a-b[0].body[0]', 'body0'],
  ['steps[3].branches.race[0]', 'race'],
  ['steps[3].branches.race[0].branches.then[0]', 'raced'],
  ['steps[4]', 'try'],
  ['steps[4].try[0]', 'while'],
  ['steps[4].try[0].body[0]', 'looped'],
  ['steps[4].catch[0]', 'caught'],
  ['steps[4].finally[0]', 'saga'],
  ['steps[4].finally[0].steps[0]', 'in-saga'],
  ['steps[5]', 'bare-try'],
];

describe('step paths', () => {
  it('step paths name every step of a definition, in the order of the document', () => {
    expect([...walkSteps(definition)].map(({ path, step }) => [path, step.id])).toEqual(PATHS);
  });

  it.each(PATHS)('the path %s leads to the step %s', (path, id) => {
    expect(stepAt(definition, path).id).toBe(id);
  });

  it.each([
    'steps',
    'steps[6]',
    'steps[1].then',
    'steps[0].then[0]',
    'steps[1].then[2]',
    'x[0]',
    'steps[1]x',
    '',
  ])('the path %j leads to no step', (path) => {
    expect(() => stepAt(definition, path)).toThrow(
      expect.objectContaining({
        code: 'STATE_CORRUPT',
        message: expect.stringContaining('paths version 1') as string,
      }) as Error,
    );
  });
});

describe('block paths', () => {
  it('block paths name the blocks of each step, empty ones too, and no block that is not written', () => {
    const blocks = [...walkSteps(definition)].flatMap(({ path, step }) => childBlocks(step, path));
    expect(blocks.map((block) => block.path)).toEqual([
      'steps[1].then',
      'steps[1].else',
      ...Array.from({ length: 11 }, (_, i) => `steps[2].cases[${i}]`),
      'steps[2].default',
      'steps[3].branches.a',
      'steps[3].branches.a-b',
      'steps[3].branches.race',
      'steps[3].branches.a-b[0].body',
      'steps[3].branches.race[0].branches.then',
      'steps[4].try',
      'steps[4].catch',
      'steps[4].finally',
      'steps[4].try[0].body',
      'steps[4].finally[0].steps',
      'steps[5].try',
      'steps[5].finally',
    ]);
    for (const { path, steps } of blocks) expect(blockAt(definition, path)).toBe(steps);
    expect(blockAt(definition, 'steps')).toBe(definition.steps);
  });

  it.each([
    'steps[0]',
    'steps[1].body',
    'steps[5].catch',
    'steps[2].cases',
    'steps[2].cases[11]',
    'steps[3].branches.b',
    'steps[3].branches.constructor',
    'other',
  ])('the path %j leads to no block', (path) => {
    expect(() => blockAt(definition, path)).toThrow(
      expect.objectContaining({ code: 'STATE_CORRUPT' }) as Error,
    );
  });
});
