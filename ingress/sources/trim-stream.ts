/**
 * Removes messages from the stream that no consumer needs any more: acknowledging a message does not remove
 * it, and Redis keeps its streams in memory.
 *
 * Invariant: a message is removed when every consumer group of the stream, of any owner, has received and
 * acknowledged it, and it is older than the given age. So nothing pending is removed, nothing that a group
 * has not read, and a new group that begins at the first message keeps them all. Nothing is removed while the
 * bridge's group is missing (somebody destroyed it): it is made again at the first message, and without it
 * nothing says what was never read.
 */
import type { Redis } from 'ioredis';

/**
 * Trims the stream.
 * @param group of the bridge
 * @param keepMs age that a message must have, by the clock of Redis, ms
 * @returns the number of removed messages
 */
export async function trimStream(
  redis: Pick<Redis, 'xinfo' | 'xpending' | 'time' | 'xtrim'>,
  { stream, group: own }: { readonly stream: string; readonly group: string },
  keepMs: number,
): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  const now = Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  let first = `${Math.max(0, now - keepMs)}-0`;
  const groups = (await redis.xinfo('GROUPS', stream)) as readonly (readonly unknown[])[];
  const infos = groups.map(
    (group) => new Map(group.flatMap((value, i) => (i % 2 === 1 ? [[String(group[i - 1]), value]] : []))),
  );
  if (!infos.some((info) => info.get('name') === own)) return 0;
  for (const info of infos) {
    const needed = await firstNeeded(redis, stream, info);
    if (isBefore(needed, first)) first = needed;
  }
  return await redis.xtrim(stream, 'MINID', first);
}

/** Id of the oldest message that a group may still need: pending, or else the last one delivered. */
async function firstNeeded(
  redis: Pick<Redis, 'xpending'>,
  stream: string,
  info: ReadonlyMap<string, unknown>,
): Promise<string> {
  const [count, oldest] = (await redis.xpending(stream, String(info.get('name')))) as [number, string | null];
  return count > 0 && oldest !== null ? oldest : String(info.get('last-delivered-id'));
}

/** Ids are two numbers: milliseconds, and a counter within them. */
function isBefore(a: string, b: string): boolean {
  const [aMs = '0', aSeq = '0'] = a.split('-');
  const [bMs = '0', bSeq = '0'] = b.split('-');
  return BigInt(aMs) < BigInt(bMs) || (BigInt(aMs) === BigInt(bMs) && BigInt(aSeq) < BigInt(bSeq));
}
