import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { SluiceError } from '../../contracts/errors.js';
import { Console } from '../../worker/dev-stack/console.js';
import { installRuntime } from '../../worker/processes/install-runtime.js';
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

  it('no control character of data is in a log line, which stays the same JSON', () => {
    const text = 'C0 \u001b[2J, DEL \u007f, C1 \u009b31m, direction \u202e, line \u2028';
    createLogger('info', destination).info({ text }, text);
    // eslint-disable-next-line no-control-regex -- what must not be there
    expect(lines.join('')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/);
    expect(last()).toMatchObject({ text, msg: text });
  });

  it('messages of Temporal are in the same log', () => {
    const { logger } = temporalRuntimeOptions(createLogger('debug', destination));
    logger?.log('WARN', 'poll failed', { taskQueue: 'q' });
    logger?.debug('details');
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', msg: 'poll failed', taskQueue: 'q' });
  });
});

describe('the output of npm start', () => {
  const hostile = 'a\u001b]0;x\u0007\r\u009b31m\u202eb';
  const shown = (print: (screen: Console) => void, isTTY = true): string => {
    const out: string[] = [];
    const terminal = { isTTY, columns: 80, write: (text: string) => out.push(text) > 0 };
    print(new Console(terminal as unknown as NodeJS.WriteStream, { TERM: 'xterm' }));
    // What Sluice itself writes: the erasing of the progress line, and colours.
    // eslint-disable-next-line no-control-regex -- these begin with ESC
    return out.join('').replaceAll(/\r\u001b\[2K|\u001b\[\d+m/g, '');
  };

  it.each<[string, (screen: Console) => void]>([
    ['a line', (screen) => screen.print(hostile)],
    ['a result', (screen) => screen.print(JSON.stringify({ hostile }, null, 2))],
    ['a service', (screen) => screen.ready('SurrealDB', `surrealkv://${hostile}`)],
    ['a heading', (screen) => screen.heading(`Running order ${hostile}`)],
    ['a failure', (screen) => screen.failed(new SluiceError('INTERNAL', hostile))],
  ])('%s passes on no control character of data', (_, print) => {
    for (const isTTY of [true, false]) {
      const text = shown(print, isTTY);
      // eslint-disable-next-line no-control-regex -- what must not be there
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(text).toContain('\\u009b31m\\u202eb');
    }
  });
});

describe('the runtime of the SDK', () => {
  it('an address of metrics that another process has is named with its variable and a cure', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const install = () => installRuntime(createLogger('warn', destination), `127.0.0.1:${port}`);
      expect(install).toThrow(
        expect.objectContaining({
          code: 'CONFIG_INVALID',
          message: expect.stringMatching(
            /^SLUICE_WORKER_METRICS_HTTP: .*:\d+: .*in use.*Give each worker/,
          ) as string,
        }),
      );
    } finally {
      server.close();
    }
  });
});
