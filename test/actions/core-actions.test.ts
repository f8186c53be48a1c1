import { describe, expect, it } from 'vitest';
import { builtInActions, createActionRegistry } from '../../actions/index.js';
import { actionContext } from './action-context.fixture.js';

const registry = createActionRegistry(builtInActions({ http: { allowHosts: [] } }));
const run = async (id: string, input: unknown, context = actionContext()): Promise<unknown> => {
  const action = registry.latest(id);
  return action.output.parse(await action.run(action.input.parse(input), context));
};

describe('core.echo', () => {
  it.each([null, 1, 'a', [1, { b: null }], { z: 1, a: [] }])('core.echo returns %j', async (value) => {
    expect(await run('core.echo', value)).toEqual(value);
  });
});

describe('core.log', () => {
  it('core.log writes at the given level, info by default', async () => {
    const context = actionContext();
    await run('core.log', { message: 'hello', fields: { order: 1 } }, context);
    await run('core.log', { message: 'careful', level: 'warn' }, context);
    expect(context.lines).toEqual(['info hello {"order":1}', 'warn careful {}']);
  });
});

describe('core.fail', () => {
  it('core.fail throws the given error', async () => {
    const failure = run('core.fail', {
      code: 'NO_STOCK',
      message: 'none left',
      details: { sku: 'a' },
      retryable: true,
    });
    await expect(failure).rejects.toMatchObject({
      code: 'NO_STOCK',
      message: 'none left',
      details: { sku: 'a' },
      retryable: true,
    });
  });

  it('core.fail is not retryable unless its input says so', async () => {
    await expect(run('core.fail', {})).rejects.toMatchObject({ code: 'FAILED', retryable: false });
  });
});

describe('core.sleep', () => {
  it('core.sleep ends at once when it is aborted', async () => {
    const controller = new AbortController();
    const asleep = run('core.sleep', { ms: 3_600_000 }, actionContext({ signal: controller.signal }));
    controller.abort();
    await expect(asleep).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('core.sleep refuses a time that is not a whole number of milliseconds', async () => {
    await expect(run('core.sleep', { ms: -1 })).rejects.toThrow();
    await expect(run('core.sleep', { ms: 1.5 })).rejects.toThrow();
  });
});
