/**
 * The notes on promises are cheap (workflows/promise-notes.ts), and the stack trace query still finds
 * them.
 */
import { createContext, runInContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cheapenPromiseNotes, type Realm } from '../../workflows/promise-notes.js';
import { finishOn, result, startOn } from './support/limit-run.js';
import { openWorld, type World } from './support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

describe('the stack trace query', () => {
  it('the stack trace query names the source line at which a run waits', async () => {
    const handle = await startOn(world, { steps: [{ id: 'w', type: 'event.wait', eventName: 'GO' }] });
    await world.seen(handle.firstExecutionRunId, 'its wait', (log) =>
      log.some(({ type }) => type === 'WAIT_OPENED'),
    );
    const stack = await handle.query<string>('__stack_trace');
    expect(stack).toMatch(/workflows\/interpreter\/run\/run\.ts:\d+:\d+/);
    expect(stack).not.toContain('promise-notes');
    await handle.signal('event', { eventId: 'e', source: 's', eventName: 'GO' });
    expect(await finishOn(world, handle)).toEqual(result(null));
  });
});

describe('in the realm of workflows', () => {
  const context = createContext({ __TEMPORAL_ACTIVATOR__: 1 });
  const run = (code: string): unknown => runInContext(code, context);
  cheapenPromiseNotes(run('({ Promise, Function, Error })') as Realm);

  it('the SDK gets the current value of what it asks for', () => {
    const ask = "Promise.constructor('return globalThis.__TEMPORAL_ACTIVATOR__')()";
    expect(run(ask)).toBe(1);
    run('globalThis.__TEMPORAL_ACTIVATOR__ = 2');
    expect(run(ask)).toBe(2);
    expect(run("Promise.constructor('return globalThis.Error')() === Error")).toBe(true);
  });

  it('every other source is compiled, and Function stays unchanged', () => {
    expect(run("Promise.constructor('a', 'return a + 1')(1)")).toBe(2);
    expect(run("new Promise.constructor('return 3')()")).toBe(3);
    expect(run('Promise.constructor.prototype === Function.prototype')).toBe(true);
    expect(run('Promise instanceof Promise.constructor')).toBe(true);
    expect(run('Function.prototype.constructor === Function && Error.constructor === Function')).toBe(true);
    expect(run('Object.keys(Promise).length')).toBe(0);
  });
});
