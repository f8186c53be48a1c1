/**
 * Takes messages off the stream that nobody needs any more: acknowledging one does not remove it, and Redis has its
 * streams in memory.
 *
 * Invariant: a message goes when every consumer group of the stream, of whoever it is, has been delivered it and has
 * acknowledged it, and it is older than that. So nothing pending goes, nothing that a group has not read, and a group
 * that was made anew and begins at the first message keeps all.
 */
import type { Redis } from 'ioredis';

/**
 * @param keepMs how old, by the clock of Redis, a message must be
 * @returns how many were removed
 */
export async function trimStream(
  redis: Pick<Redis, 'xinfo' | 'xpending' | 'time' | 'xtrim'>,
  stream: string,
  keepMs: number,
): Promise<number> {
  const [seconds, micros] = await redis.time();
  const now = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  let first = `${Math.max(0, now - keepMs)}-0`;
  const groups = (await redis.xinfo('GROUPS', stream)) as readonly (readonly unknown[])[];
  for (const group of groups) {
    const about = new Map(group.flatMap((value, i) => (i % 2 === 1 ? [[String(group[i - 1]), value]] : [])));
    const needed = await firstNeeded(redis, stream, about);
    if (isBefore(needed, first)) first = needed;
  }
  return await redis.xtrim(stream, 'MINID', first);
}

/** Id of the oldest message that a group may still need; none before it does. */
async function firstNeeded(
  redis: Pick<Redis, 'xpending'>,
  stream: string,
  about: ReadonlyMap<string, unknown>,
): Promise<string> {
  const [count, oldest] = (await redis.xpending(stream, String(about.get('name')))) as [
    number,
    string | null,
  ];
  return count > 0 && oldest !== null ? oldest : String(about.get('last-delivered-id'));
}

/** Ids are two numbers: ms, and a count within it. */
function isBefore(a: string, b: string): boolean {
  const [aMs = '0', aSeq = '0'] = a.split('-');
  const [bMs = '0', bSeq = '0'] = b.split('-');
  return BigInt(aMs) < BigInt(bMs) || (BigInt(aMs) === BigInt(bMs) && BigInt(aSeq) < BigInt(bSeq));
}
