import { describe, expect, it } from 'vitest';
import { checkCatalogue, formatProblems, readDefinition } from '../../definitions/index.js';
import { withHead, written } from './cases.js';

const CATALOGUE = {
  actions: new Map([
    ['payments.charge', [1, 2]],
    ['payments.refund', [3]],
    ['core.echo', [1]],
  ]),
};

function check(steps: string): string[] {
  const { definition, source } = readDefinition(withHead(steps), 'yaml');
  return checkCatalogue(definition, CATALOGUE, source).map(written);
}

describe('a definition against the catalogue of actions', () => {
  it('a definition has no problem if the catalogue has each action in its version', () => {
    expect(
      check(`  - { id: a, type: action.call, action: payments.charge }
  - { id: b, type: action.call, action: payments.charge, version: 1 }
  - { id: c, type: action.call, action: payments.refund, version: 3 }
`),
    ).toEqual([]);
  });

  it('every unknown action and version is reported at its position, at any depth, with similar names', () => {
    expect(
      check(`  - { id: a, type: action.call, action: payment.charge }
  - id: s
    type: control.switch
    cases:
      - when: true
        steps:
          - id: p
            type: control.parallel
            branches:
              left:
                - { id: b, type: action.call, action: payments.charge, version: 9 }
    default:
      - { id: c, type: action.call, action: payments.refund, version: 1 }
  - { id: d, type: action.call, action: weather.forecast }
`),
    ).toEqual([
      '4:41 ACTION_UNKNOWN steps[0] steps[0].action | there is no action "payment.charge" | did you mean "payments.charge"?',
      '14:81 ACTION_VERSION_UNKNOWN steps[1].cases[0][0].branches.left[0] steps[1].cases[0].steps[0].branches.left[0].version | the action "payments.charge" has no version 9 | it has versions 1, 2',
      '16:71 ACTION_VERSION_UNKNOWN steps[1].default[0] steps[1].default[0].version | the action "payments.refund" has no version 1 | it has version 3',
      '17:41 ACTION_UNKNOWN steps[2] steps[2].action | there is no action "weather.forecast" | register it in a module named by sluice.config.ts',
    ]);
  });

  it('readDefinition with a catalogue reports unknown actions together with all other problems', () => {
    const text = withHead('  - { id: a, type: action.call, action: core.ecko, retry: 3 }\n').replace(
      'id: t',
      'id: T',
    );
    const problems = (catalogue?: typeof CATALOGUE) => {
      try {
        readDefinition(text, 'yaml', catalogue);
        return [];
      } catch (error) {
        return (error as { details: { problems: { code: string }[] } }).details.problems.map(
          ({ code }) => code,
        );
      }
    };
    expect(problems()).toEqual(['NAME_INVALID', 'VALUE_INVALID']);
    expect(problems(CATALOGUE)).toEqual(['NAME_INVALID', 'ACTION_UNKNOWN', 'VALUE_INVALID']);
  });

  it('problems have no position without the source', () => {
    const { definition } = readDefinition(
      withHead('  - { id: a, type: action.call, action: a.b }\n'),
      'yaml',
    );
    expect(checkCatalogue(definition, CATALOGUE)).toEqual([
      {
        code: 'ACTION_UNKNOWN',
        level: 'error',
        message: 'there is no action "a.b"',
        stepPath: 'steps[0]',
        path: 'steps[0].action',
        line: null,
        column: null,
        hint: 'register it in a module named by sluice.config.ts',
      },
    ]);
  });

  it('the name of a property of every object is an unknown action', () => {
    const { definition } = readDefinition(
      withHead('  - { id: a, type: action.call, action: a.constructor }\n'),
      'yaml',
    );
    expect(checkCatalogue(definition, { actions: new Map() })).toHaveLength(1);
  });
});

describe('problems on a terminal', () => {
  const { definition, source } = readDefinition(
    withHead('  - { id: a, type: action.call, action: core.ecko }\n'),
    'yaml',
  );

  it('each problem is one line with file, line, column, step, message and hint', () => {
    expect(formatProblems(checkCatalogue(definition, CATALOGUE, source), 'orders/a.yaml')).toBe(
      'orders/a.yaml:4:41  steps[0]  there is no action "core.ecko"  (did you mean "core.echo"?)',
    );
  });

  it('a problem without a position has a line without file, line and column', () => {
    expect(formatProblems(checkCatalogue(definition, CATALOGUE))).toBe(
      'steps[0]  there is no action "core.ecko"  (did you mean "core.echo"?)',
    );
    expect(
      formatProblems([
        {
          code: 'SYNTAX',
          level: 'error',
          message: 'the document is empty',
          stepPath: null,
          path: '',
          line: 1,
          column: 1,
        },
      ]),
    ).toBe('1:1  the document is empty');
  });
});
