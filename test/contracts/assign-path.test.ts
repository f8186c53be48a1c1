import { describe, expect, it } from 'vitest';
import { parseAssignPath } from '../../contracts/definition/index.js';

describe('an assignment path', () => {
  it.each([
    ['vars.a', ['a']],
    ['a', ['a']],
    ['vars.a.b', ['a', 'b']],
    ['a.b', ['a', 'b']],
    ['list.0.name', ['list', '0', 'name']],
    ['vars.größe.maß-2', ['größe', 'maß-2']],
    ['_private', ['_private']],
    ['a.payload', ['a', 'payload']],
    ['a.vars', ['a', 'vars']],
    ['toString', ['toString']],
  ])('the assignment path %s names a place in vars', (path, segments) => {
    expect(parseAssignPath(path)).toEqual(segments);
  });

  it.each([
    ['payload.total', 'payload cannot be assigned: it is a reserved name'],
    ['vars.payload', 'vars.payload cannot be assigned: payload is a reserved name'],
    ['meta', 'meta cannot be assigned: it is a reserved name'],
    ['system.region', 'system cannot be assigned: it is a reserved name'],
    ['event', 'event cannot be assigned: it is a reserved name'],
    ['error.code', 'error cannot be assigned: it is a reserved name'],
    ['vars.vars', 'vars.vars cannot be assigned: vars is a reserved name'],
    ['vars', '`vars` itself cannot be assigned; name a variable, such as vars.total'],
    ['', 'an assignment path must not be empty'],
    ['  ', 'an assignment path must not be empty'],
    ['a.__proto__.b', 'a.__proto__.b names __proto__, which is refused in a path'],
    ['vars.constructor', 'vars.constructor names constructor, which is refused in a path'],
    ['a.prototype', 'a.prototype names prototype, which is refused in a path'],
    ['0', '0 begins with a number; the first segment is the name of a variable'],
    ['vars.7.a', 'vars.7.a begins with a number; the first segment is the name of a variable'],
  ])('the assignment path %j is refused', (path, message) => {
    expect(() => parseAssignPath(path)).toThrow(
      expect.objectContaining({ code: 'ASSIGN_INVALID', message }) as Error,
    );
  });

  it.each(['a..b', '.a', 'a.', 'a[0]', 'a b', '$a', 'a.$b', '1a', 'a.-b', 'a/b', 'a.b\n'])(
    'the assignment path %j is refused, because it has another shape',
    (path) => {
      expect(() => parseAssignPath(path)).toThrow(/is not an assignment path/);
    },
  );

  it('an assignment path is limited to 32 segments', () => {
    expect(parseAssignPath(Array(32).fill('a').join('.'))).toHaveLength(32);
    expect(() => parseAssignPath(Array(33).fill('a').join('.'))).toThrow(/more than 32 segments/);
  });
});
