/** The event bridge, its Redis and the API, where they are configured. */
import { Redis } from 'ioredis';
import { z } from 'zod';
import { SluiceError, type ErrorCode } from '../../contracts/errors.js';
import type { BridgeSettings } from '../../worker/config/bridge-config.js';
import type { Environment } from '../../worker/config/config.js';
import { attempt, fail, ok, skip, warn, type Finding } from './finding.js';

const LIMIT_MS = 5_000;
/** The first Redis with XAUTOCLAIM, by which a bridge takes over from one that died. */
const OLDEST_REDIS = [6, 2] as const;

/** Runs the checks. */
export async function checkEvents(settings: BridgeSettings, env: Environment): Promise<readonly Finding[]> {
  const { redisUrl, stream, group } = settings.bridge;
  const redis =
    redisUrl === undefined
      ? [skip('redis', 'REDIS_URL is not set: events come over HTTP only')]
      : await attempt('redis', () => checkRedis(redisUrl, stream, group));
  return [...redis, ...(await attempt('bridge', () => checkBridge(settings.url, env)))];
}

async function checkRedis(url: string, stream: string, group: string): Promise<Finding> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: LIMIT_MS,
    commandTimeout: LIMIT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let last: Error | undefined;
  redis.on('error', (error: Error) => (last = error));
  try {
    await redis.connect();
    const info = await redis.info();
    const setting = (name: string): string => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
    const version = setting('redis_version');
    const [major = 0, minor = 0] = version.split('.').map(Number);
    const pending = await pendingOf(redis, stream, group);
    const found = `${new URL(url).host}, Redis ${version}, stream ${stream}: ${pending}`;
    if (major < OLDEST_REDIS[0] || (major === OLDEST_REDIS[0] && minor < OLDEST_REDIS[1])) {
      return fail(
        'redis',
        new SluiceError('REDIS_UNAVAILABLE', `${found}: too old`),
        'Use Redis 6.2 or newer.',
      );
    }
    if (setting('aof_enabled') !== '1') {
      const mend = 'Set `appendonly yes`: what Redis has not written when it ends is gone.';
      return warn('redis', `${found}; it does not write each event to disk`, mend);
    }
    return ok('redis', found);
  } catch (thrown) {
    // What the connection broke on says more than that it is closed.
    const { message } = last ?? (thrown instanceof Error ? thrown : new Error(String(thrown)));
    const text = `Redis at ${new URL(url).host}: ${message}`;
    return fail('redis', new SluiceError('REDIS_UNAVAILABLE', text, { cause: thrown }));
  } finally {
    redis.disconnect();
  }
}

const Groups = z.array(z.array(z.union([z.string(), z.number(), z.null()])));

async function pendingOf(redis: Redis, stream: string, group: string): Promise<string> {
  if ((await redis.exists(stream)) === 0) return 'no event yet';
  const groups = Groups.parse(await redis.xinfo('GROUPS', stream));
  const own = groups.find((fields) => fields[fields.indexOf('name') + 1] === group);
  if (own === undefined) return `no bridge has read it yet (group ${group})`;
  const lag = own[own.indexOf('lag') + 1];
  const unread = own.includes('lag') && typeof lag === 'number' ? `${lag} to be read, ` : '';
  return `${unread}${own[own.indexOf('pending') + 1]} being routed`;
}

const BRIDGE: HttpService = {
  check: 'bridge',
  path: '/health',
  code: 'BRIDGE_UNAVAILABLE',
  mend: 'Start one: `sluice bridge`, or name it in SLUICE_BRIDGE_URL.',
};
const API: HttpService = {
  check: 'api',
  path: '/readyz',
  code: 'API_UNAVAILABLE',
  mend: 'Start one: `sluice api`, or name it in SLUICE_API_URL.',
};

interface HttpService {
  readonly check: string;
  readonly path: string;
  readonly code: ErrorCode;
  readonly mend: string;
}

async function checkBridge(url: string, env: Environment): Promise<Finding> {
  const found = await checkHttp(BRIDGE, url);
  // Where nobody has said that there is one, there need not be one.
  if (found.status === 'ok' || env['SLUICE_BRIDGE_URL']?.trim()) return found;
  return warn('bridge', found.found, BRIDGE.mend);
}

/** The API that commands of `sluice` would ask. @param url undefined: none is named */
export async function checkApi(url: string | undefined): Promise<readonly Finding[]> {
  if (url === undefined) return [skip('api', 'SLUICE_API_URL is not set')];
  return [await checkHttp(API, url)];
}

async function checkHttp({ check, path, code, mend }: HttpService, url: string): Promise<Finding> {
  let response: Response;
  try {
    response = await fetch(new URL(path, url), { signal: AbortSignal.timeout(LIMIT_MS) });
  } catch (error) {
    return fail(check, new SluiceError(code, `nothing answers at ${url}`, { cause: error }), mend);
  }
  const body = (await response.text()).slice(0, 300);
  if (response.ok) return ok(check, `${url} is ready`);
  return fail(check, new SluiceError(code, `${url} is not ready: ${response.status} ${body}`));
}
