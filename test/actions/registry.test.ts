import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { builtInActions, createActionRegistry, defineAction, isAction } from '../../actions/index.js';

const action = (id: string, version = 1) =>
  defineAction({ id, version, input: z.json(), output: z.json(), run: (input) => input });
const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

describe('defining an action', () => {
  it('a defined action has a mark, and nothing else counts as an action', () => {
    expect(isAction(action('payments.charge'))).toBe(true);
    expect([null, {}, { id: 'a.b', version: 1 }, 'a.b'].some(isAction)).toBe(false);
  });

  it('an id with the prefix that Sluice reserves is refused', () => {
    expect(() => action('sluice.flushEvents')).toThrow(code('NAME_RESERVED'));
  });

  it.each(['charge', 'Payments.charge', 'payments.', '', 'payments charge.x'])(
    'refuses the id "%s"',
    (id) => {
      expect(() => action(id)).toThrow(code('CONFIG_INVALID'));
    },
  );

  it.each([0, -1, 1.5, Number.NaN])('the version %s is refused', (version) => {
    expect(() => action('payments.charge', version)).toThrow(/whole number from 1/);
  });
});

describe('the registry', () => {
  const registry = createActionRegistry([
    action('payments.charge', 2),
    action('payments.charge', 10),
    action('payments.charge'),
    action('payments.refund'),
  ]);

  it('the registry finds each version, and the latest by number', () => {
    expect(registry.get('payments.charge', 2).version).toBe(2);
    expect(registry.latest('payments.charge').version).toBe(10);
    expect(registry.actions.map(({ id, version }) => `${id}@${version}`)).toEqual([
      'payments.charge@1',
      'payments.charge@2',
      'payments.charge@10',
      'payments.refund@1',
    ]);
  });

  it('the registry throws on a second action with the same id and version', () => {
    expect(() => createActionRegistry([action('a.b'), action('a.b')])).toThrow(
      'The action "a.b" version 1 is registered twice',
    );
  });

  it('the registry suggests similar names for an unknown id, and the versions for an unknown version', () => {
    expect(() => registry.latest('payments.chrage')).toThrow(
      'No action "payments.chrage"; did you mean "payments.charge"?',
    );
    expect(() => registry.get('payments.charge', 3)).toThrow(
      'The action "payments.charge" has no version 3; there is 1, 2, 10',
    );
    expect(() => registry.get('payments.charge', 3)).toThrow(code('ACTION_NOT_FOUND'));
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', 'default'])(
    'finds nothing under "%s", which it was not given',
    (name) => {
      expect(registry.versions.has(name)).toBe(false);
      expect(() => registry.latest(name)).toThrow(code('ACTION_NOT_FOUND'));
    },
  );

  it('the registry holds the built-in actions', () => {
    const { versions } = createActionRegistry(builtInActions({ http: { allowHosts: [] } }));
    expect([...versions.keys()]).toEqual([
      'core.echo',
      'core.fail',
      'core.log',
      'core.sleep',
      'http.request',
    ]);
  });
});
