/**
 * The HTTP API for a test, over a Sluice of the suite's own kind: real Temporal, real database, real worker.
 *
 * Tokens: one for each role in the tenant of the test, one for another tenant, one for all of them.
 */
import { pino } from 'pino';
import { afterAll, beforeAll } from 'vitest';
import type { z } from 'zod';
import { makeKey, startApi, type ApiConfig, type RunningApi } from '../../../api/index.js';
import { createSluiceClient, type EventBus, type SluiceClient } from '../../../client/index.js';
import { Problem } from '../../../api/http/problem.js';
import { useSluice, type SluiceTest, type SluiceTestOptions } from '../../support/sluice.js';

const OTHER_TENANT = 'other';

export interface TestApiOptions extends SluiceTestOptions {
  readonly config?: Partial<ApiConfig>;
  readonly bus?: EventBus;
  /** Where its client reaches Temporal; default: as the worker does. */
  readonly clientAddress?: () => string;
  /** Epoch ms. */
  readonly now?: () => number;
}

export type Caller =
  'reader' | 'reviewer' | 'operator' | 'publisher' | 'admin' | 'codec' | 'other' | 'everywhere';

export interface AskOptions {
  readonly as?: Caller | undefined;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
}

export interface TestApi {
  readonly url: string;
  readonly sluice: SluiceTest;
  readonly client: SluiceClient;
  readonly token: Readonly<Record<Caller, string>>;
  /** Lines of the log, as JSON. */
  readonly log: readonly string[];
  /** One request; default: a GET as admin. */
  ask(path: string, options?: AskOptions): Promise<Response>;
  /** One request that is answered in JSON. */
  answer<T extends z.ZodType>(shape: T, path: string, options?: AskOptions): Promise<z.output<T>>;
  /** One request that is refused. */
  refusal(path: string, options?: AskOptions): Promise<z.output<typeof Problem>>;
  stop(): Promise<void>;
}

/** Starts one over a Sluice. */
async function startTestApi(sluice: SluiceTest, options: TestApiOptions = {}): Promise<TestApi> {
  const log: string[] = [];
  const keys = {
    reader: makeKey({ name: 'rita', roles: ['reader'], tenants: [sluice.tenant] }),
    reviewer: makeKey({
      ...{ name: 'vera', roles: ['reviewer'], groups: ['finance'], tenants: [sluice.tenant] },
    }),
    operator: makeKey({ name: 'otto', roles: ['operator'], tenants: [sluice.tenant] }),
    publisher: makeKey({ name: 'paul', roles: ['publisher'], tenants: [sluice.tenant] }),
    admin: makeKey({ name: 'ada', roles: ['admin'], tenants: [sluice.tenant] }),
    codec: makeKey({ name: 'cora', roles: ['codec'], tenants: ['*'] }),
    other: makeKey({ name: 'olga', roles: ['admin'], tenants: [OTHER_TENANT] }),
    everywhere: makeKey({ name: 'eve', roles: ['admin'], tenants: ['*'] }),
  };
  const client = await createSluiceClient({
    ...sluice.temporal,
    ...(options.clientAddress !== undefined && { address: options.clientAddress() }),
    taskQueue: sluice.taskQueue,
    reads: sluice.projections.reads,
    actor: 'api',
    ...(options.dataConverter !== undefined && { dataConverter: options.dataConverter }),
    ...(options.bus !== undefined && { bus: options.bus }),
  });
  let api: RunningApi;
  try {
    api = await startApi({
      config: {
        host: '127.0.0.1',
        port: 0,
        auth: { kind: 'tokens', keys: Object.values(keys).map(({ entry }) => entry), jwt: undefined },
        rate: { perSecond: 10_000, burst: 10_000 },
        idempotencyMs: 86_400_000,
        sdkMetricsUrl: undefined,
        ...options.config,
      },
      client,
      projections: sluice.projections,
      actions: undefined,
      log: pino({ level: 'debug' }, { write: (line: string) => void log.push(line) }),
      ...(options.now !== undefined && { now: options.now }),
    });
  } catch (error) {
    await client.close();
    throw error;
  }
  const token = Object.fromEntries(Object.entries(keys).map(([name, { key }]) => [name, key])) as Record<
    Caller,
    string
  >;
  const ask = (path: string, asked: AskOptions = {}): Promise<Response> => {
    const { json, body, signal } = asked;
    const as = 'as' in asked ? asked.as : 'admin';
    const sent = json === undefined ? body : JSON.stringify(json);
    return fetch(new URL(path, api.url), {
      method: asked.method ?? (sent === undefined ? 'GET' : 'POST'),
      headers: {
        ...(as !== undefined && { authorization: `Bearer ${token[as]}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...asked.headers,
      },
      ...(sent !== undefined && { body: sent }),
      ...(signal !== undefined && { signal }),
    });
  };
  return {
    url: api.url,
    sluice,
    client,
    token,
    log,
    ask,
    async answer(shape, path, asked) {
      const response = await ask(path, asked);
      const text = await response.text();
      if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
      return shape.parse(JSON.parse(text));
    },
    async refusal(path, asked) {
      const response = await ask(path, asked);
      const text = await response.text();
      if (response.ok) throw new Error(`${path} was not refused: ${response.status} ${text}`);
      return Problem.parse(JSON.parse(text));
    },
    async stop() {
      await api.stop();
      await client.close();
    },
  };
}

/** One for all tests of a file or `describe`. */
export function useApi(options: TestApiOptions = {}): () => TestApi {
  const sluice = useSluice(options);
  let api: TestApi | undefined;
  beforeAll(async () => {
    api = await startTestApi(sluice(), options);
  });
  afterAll(async () => {
    await api?.stop();
  });
  return () => {
    if (api === undefined) throw new Error('useApi: only inside a test');
    return api;
  };
}
