/** The definitions of the cases, and the same work for the hand-written workflow. */
import type { Json } from '../../contracts/json.js';
import type { Work } from './hand-written.js';

interface Described {
  readonly id: string;
  readonly document: Json;
  readonly work: Work;
}

/** Sequential actions, each a separate step. */
export function sequence(id: string, work: Work): Described {
  const { actions, action = 'echo', local = false, variableBytes = 0 } = work;
  const variable: Json[] =
    variableBytes === 0
      ? []
      : [
          {
            id: 'large',
            type: 'transform.assign',
            assign: {
              large: {
                $expr: `$join($map([1..${variableBytes / 1024}], function() { $pad("", 1024, "x") }))`,
              },
            },
          },
        ];
  const steps = Array.from({ length: actions }, (_, n) => ({
    id: `a${n}`,
    type: 'action.call',
    action: `bench.${action}`,
    input: { n, ms: 10 },
    ...(local && { local }),
  }));
  return { id, work, document: { id, version: 1, steps: [...variable, ...steps] } };
}

/** One action for each item, with a limited concurrency. */
export function fanOut(id: string, work: Work): Described {
  const { actions, concurrency = 1 } = work;
  const items = Array.from({ length: actions }, (_, n) => n);
  return {
    id,
    work,
    document: {
      id,
      version: 1,
      steps: [
        {
          id: 'each',
          type: 'control.forEach',
          items,
          concurrency,
          body: [
            { id: 'a', type: 'action.call', action: 'bench.echo', input: { n: { $expr: 'item' }, ms: 10 } },
          ],
        },
      ],
    },
  };
}

/** Alternating assignments and conditions. */
export function control(id: string, steps: number): Json {
  return {
    id,
    version: 1,
    steps: [
      { id: 'begin', type: 'transform.assign', assign: { total: 0 } },
      ...Array.from({ length: steps - 1 }, (_, n) =>
        n % 2 === 0
          ? { id: `s${n}`, type: 'transform.assign', assign: { total: { $expr: 'vars.total + 1' } } }
          : { id: `s${n}`, type: 'control.if', condition: { $expr: 'vars.total < 0' }, then: [] },
      ),
    ],
  };
}
