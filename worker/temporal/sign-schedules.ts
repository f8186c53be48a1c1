/**
 * Signs the schedules of all definitions as a worker starts, where it has a ring of claim keys: turning
 * claims on, and using another key, need no other step.
 *
 * Invariant: while a service is away it tries again, until the worker stops.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import type { Logger } from 'pino';
import { resignSchedules } from '../../activities/index.js';
import { toSluiceError } from '../../contracts/errors.js';
import { claimKeeperOf } from '../../contracts/naming/claims.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';

const AGAIN_MS = 10_000;

export interface SignSchedulesOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly dataConverter: DataConverter | undefined;
  readonly projections: ProjectionStore;
  readonly log: Logger;
}

/** Begins to sign them, and says whether claims are checked. @returns what stops it */
export function signSchedules(options: SignSchedulesOptions): () => Promise<void> {
  const { connection, namespace, taskQueue, dataConverter, projections, log } = options;
  const keeper = claimKeeperOf(dataConverter?.payloadCodecs);
  if (dataConverter === undefined || keeper === undefined) {
    log.info('Claims are off: whoever reaches Temporal can name any tenant and actor (docs/claims.md)');
    return () => Promise.resolve();
  }
  const since = new Date(keeper.since).toISOString();
  log.info({ since, key: keeper.currentKey }, 'Claims are checked');
  const client = new Client({ connection, namespace, dataConverter });
  const stop = new AbortController();
  const work = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        const signed = await resignSchedules(projections, { client, taskQueue }, stop.signal);
        log.info({ signed }, 'The schedules are signed');
        return;
      } catch (error) {
        log.error({ error: toSluiceError(error) }, 'The schedules could not be signed; this is tried again');
        await sleep(AGAIN_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
  };
  const working = work();
  return async () => {
    stop.abort();
    await working;
  };
}
