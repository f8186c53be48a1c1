/** Checks the event bridge, its Redis and the API, if they are configured. */
import { Redis } from 'ioredis';
import { z } from 'zod';
import { messageOf, SluiceError, type ErrorCode } from '../../contracts/errors.js';
import { redisError } from '../../contracts/events/redis-error.js';
import type { BridgeSettings } from '../../worker/config/bridge-config.js';
import type { Environment } from '../../worker/config/config.js';
import { attempt, fail, ok, skip, warn, type Finding } from './finding.js';

/** Time limit for an answer, ms. */
const LIMIT_MS = 5_000;
/** Characters of an answer that a finding shows. */
const BODY_CHARACTERS = 300;
/** The first Redis with XAUTOCLAIM, which a bridge needs to take over from one that died. */
const OLDEST_REDIS = [6, 2] as const;

/** Runs the checks. */
export async function checkEvents(settings: BridgeSettings, env: Environment): Promise<readonly Finding[]> {
  const { redisUrl, stream, group } = settings.bridge;
  const redis =
    redisUrl === undefined
      ? [skip('redis', 'REDIS_URL is not set: events arrive over HTTP only')]
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
      const fix = 'Set `appendonly yes`: Redis loses events that it has not written to disk when it stops.';
      return warn('redis', `${found}; it does not write each event to disk`, fix);
    }
    return ok('redis', found);
  } catch (thrown) {
    // A server that answered has refused, and its answer says why. Otherwise the error event has the cause:
    // the error of the command only says that the connection is closed.
    const refused = redisError(thrown);
    const error = refused.code === 'REDIS_REFUSED' ? refused : redisError(last ?? thrown);
    const text = `Redis at ${new URL(url).host}: ${messageOf(error.cause)}`;
    return fail('redis', new SluiceError(error.code, text, { cause: thrown }));
  } finally {
    redis.disconnect();
  }
}

const Groups = z.array(z.array(z.union([z.string(), z.number(), z.null()])));

async function pendingOf(redis: Redis, stream: string, group: string): Promise<string> {
  if ((await redis.exists(stream)) === 0) return 'no events yet';
  const groups = Groups.parse(await redis.xinfo('GROUPS', stream));
  const fields = groups.find((entry) => entry[entry.indexOf('name') + 1] === group);
  if (fields === undefined) return `no bridge has read it yet (group ${group})`;
  const lag = fields[fields.indexOf('lag') + 1];
  const unread = fields.includes('lag') && typeof lag === 'number' ? `${lag} unread, ` : '';
  return `${unread}${fields[fields.indexOf('pending') + 1]} being routed`;
}

const BRIDGE: HttpService = {
  check: 'bridge',
  path: '/health',
  code: 'BRIDGE_UNAVAILABLE',
  fix: 'Start one with `sluice bridge`, or set SLUICE_BRIDGE_URL.',
};
const API: HttpService = {
  check: 'api',
  path: '/readyz',
  code: 'API_UNAVAILABLE',
  fix: 'Start one with `sluice api`, or set SLUICE_API_URL.',
};

interface HttpService {
  readonly check: string;
  readonly path: string;
  readonly code: ErrorCode;
  readonly fix: string;
}

async function checkBridge(url: string, env: Environment): Promise<Finding> {
  const found = await checkHttp(BRIDGE, url);
  // Without SLUICE_BRIDGE_URL the bridge is optional.
  if (found.status === 'ok' || env['SLUICE_BRIDGE_URL']?.trim()) return found;
  return warn('bridge', found.found, BRIDGE.fix);
}

/** Checks the API that the commands of `sluice` read from. @param url undefined: SLUICE_API_URL is not set */
export async function checkApi(url: string | undefined): Promise<readonly Finding[]> {
  if (url === undefined) return [skip('api', 'SLUICE_API_URL is not set')];
  return [await checkHttp(API, url)];
}

async function checkHttp({ check, path, code, fix }: HttpService, url: string): Promise<Finding> {
  let response: Response;
  try {
    response = await fetch(new URL(path, url), { signal: AbortSignal.timeout(LIMIT_MS) });
  } catch (error) {
    return fail(check, new SluiceError(code, `nothing answers at ${url}`, { cause: error }), fix);
  }
  const body = (await response.text()).slice(0, BODY_CHARACTERS);
  if (response.ok) return ok(check, `${url} is ready`);
  return fail(check, new SluiceError(code, `${url} is not ready: ${response.status} ${body}`));
}
