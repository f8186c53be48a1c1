import { Writable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { SluiceError } from '../../contracts/errors.js';
import { createLogger, temporalRuntimeOptions } from '../../worker/processes/logging.js';

let lines: string[] = [];
beforeEach(() => {
  lines = [];
});
const destination = new Writable({
  write(chunk: Buffer, _encoding, done) {
    lines.push(chunk.toString());
    done();
  },
});
const last = () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>;

describe('the log', () => {
  it('each log entry is a JSON line with an ISO time and the name of the level', () => {
    createLogger('info', destination).info({ runId: 'r-1' }, 'begun');
    expect(last()).toMatchObject({ level: 'info', msg: 'begun', runId: 'r-1' });
    expect(last()['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('entries below the level are left out', () => {
    createLogger('warn', destination).info('not this');
    expect(lines).toEqual([]);
  });

  it('credentials are censored by their name, in nested fields too', () => {
    createLogger('info', destination).info(
      {
        apiKey: 'c-1',
        config: { password: 'c-2', deep: { token: 'c-3', headers: { authorization: 'c-4' } } },
      },
      'with credentials',
    );
    expect(lines.join()).not.toMatch(/c-\d/);
    expect(lines.join().match(/\[redacted\]/g)).toHaveLength(4);
  });

  it('an error is logged with its code', () => {
    createLogger('info', destination).error(
      { error: new SluiceError('DATABASE_LOCKED', 'taken') },
      'no start',
    );
    expect(last()).toMatchObject({
      error: { name: 'SluiceError', code: 'DATABASE_LOCKED', message: 'taken' },
    });
  });

  it('messages of Temporal are in the same log', () => {
    const { logger } = temporalRuntimeOptions(createLogger('debug', destination));
    logger?.log('WARN', 'poll failed', { taskQueue: 'q' });
    logger?.debug('details');
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', msg: 'poll failed', taskQueue: 'q' });
  });
});
