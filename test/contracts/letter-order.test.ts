import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inOrderOfRuns } from '../../contracts/events/letter-order.js';

const letter = (id: string, runId: string | null, second: number, kind = 'compensation' as const) => ({
  id,
  runId,
  kind,
  createdAt: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`,
});
const of = <T extends { readonly id: string }>(letters: readonly T[]) =>
  inOrderOfRuns(letters as never).map(({ id }) => id);

it('the letters of the run that failed first come first, its last effect before the others', () => {
  const letters = [
    letter('b2', 'b', 5),
    letter('a1', 'a', 1),
    letter('b1', 'b', 2),
    letter('a2', 'a', 9),
    letter('alone', null, 3),
  ];
  expect(of(letters)).toEqual(['a2', 'a1', 'b2', 'b1', 'alone']);
});

it('what a run could not publish or keep goes out in the order in which it happened, after what is undone', () => {
  const outbox = (id: string, second: number) => ({ ...letter(id, 'a', second), kind: 'outbox' });
  expect(of([outbox('o2', 4), letter('c1', 'a', 2), outbox('o1', 1)])).toEqual(['c1', 'o1', 'o2']);
});

it('no letter is lost or taken twice, run by run, in any order in which they were listed', () => {
  const some = fc.uniqueArray(
    fc.record({
      id: fc.string({ minLength: 1 }),
      runId: fc.option(fc.constantFrom('a', 'b', 'c')),
      second: fc.nat(59),
    }),
    { selector: ({ id }) => id },
  );
  fc.assert(
    fc.property(some, (drawn) => {
      const letters = drawn.map(({ id, runId, second }) => letter(id, runId, second));
      const ordered = inOrderOfRuns(letters);
      expect(of([...letters].reverse())).toEqual(ordered.map(({ id }) => id));
      expect([...of(letters)].sort()).toEqual(letters.map(({ id }) => id).sort());
      const runs = ordered.map(({ runId }) => runId).filter((runId) => runId !== null);
      const changes = runs.filter((runId, i) => runId !== runs[i - 1]).length;
      expect(changes).toBe(new Set(runs).size);
    }),
  );
});
