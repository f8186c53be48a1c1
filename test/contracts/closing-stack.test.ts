import { describe, expect, it } from 'vitest';
import { ClosingStack } from '../../contracts/closing-stack.js';

/** A stack of three, whose closes are recorded; those in `failing` fail. */
function opened(...failing: readonly string[]) {
  const stack = new ClosingStack();
  const closed: string[] = [];
  for (const name of ['database', 'client', 'server']) {
    stack.add(name, () => {
      closed.push(name);
      return failing.includes(name) ? Promise.reject(new Error(`${name} hangs`)) : Promise.resolve();
    });
  }
  return { stack, closed };
}

describe('ClosingStack', () => {
  it('a stack closes what was opened, last first, and only once', async () => {
    const { stack, closed } = opened();
    await stack.close();
    await stack.close();
    expect(closed).toEqual(['server', 'client', 'database']);
  });

  it('a close that fails stops no other close, and the first failure is thrown', async () => {
    const { stack, closed } = opened('server', 'database');
    await expect(stack.close()).rejects.toThrow('server hangs');
    expect(closed).toEqual(['server', 'client', 'database']);
  });

  it('a report of the failures names what could not be closed', async () => {
    const { stack } = opened('client');
    await expect(stack.closeAndReport()).resolves.toEqual(['client: client hangs']);
  });
});
