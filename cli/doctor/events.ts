/** The event bridge and its Redis, where they are configured. */
import { Redis } from 'ioredis';
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { BridgeSettings } from '../../worker/bridge-config.js';
import type { Environment } from '../../worker/config.js';
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

async function checkBridge(url: string, env: Environment): Promise<Finding> {
  let response: Response;
  try {
    response = await fetch(new URL('/health', url), { signal: AbortSignal.timeout(LIMIT_MS) });
  } catch (error) {
    const mend = 'Start one: `sluice bridge`, or name it in SLUICE_BRIDGE_URL.';
    // Where nobody has said that there is one, there need not be one.
    if (!env['SLUICE_BRIDGE_URL']?.trim()) return warn('bridge', `none at ${url}`, mend);
    const text = `Nothing answers at ${url}`;
    return fail('bridge', new SluiceError('BRIDGE_UNAVAILABLE', text, { cause: error }), mend);
  }
  const body = (await response.text()).slice(0, 300);
  if (response.ok) return ok('bridge', `${url} takes events`);
  const text = `${url} takes no events: ${response.status} ${body}`;
  return fail('bridge', new SluiceError('BRIDGE_UNAVAILABLE', text));
}
