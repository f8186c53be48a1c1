/** A bridge in the test's process, on the test's Sluice. */
import { randomUUID } from 'node:crypto';
import type { Json, JsonObject } from '../../../contracts/json.js';
import type { CorrelationPaths } from '../../../contracts/events/correlation.js';
import { startBridge, type BridgeConfig, type RunningBridge } from '../../../ingress/index.js';
import type { SluiceTest } from '../../support/sluice.js';

export interface TestBridgeOptions {
  readonly redisUrl?: string;
  readonly paths?: CorrelationPaths;
  readonly config?: Partial<BridgeConfig>;
  readonly requestLimitMs?: number;
  readonly sweep?: Parameters<typeof startBridge>[0]['sweep'];
}

/** A running bridge, and what it logged. */
export interface TestBridge extends RunningBridge {
  readonly url: string;
  readonly stream: string;
  readonly logged: { readonly level: string; readonly message: string; readonly fields: object }[];
  /** POSTs a body; returns status, headers and the answer. */
  post(body: Json | Buffer, headers?: Readonly<Record<string, string>>): Promise<BridgeAnswer>;
  get(query: Readonly<Record<string, string>>): Promise<BridgeAnswer>;
}

export interface BridgeAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: JsonObject;
}

/** Starts a bridge; `stop` it at the end. */
export async function openBridge(
  sluice: Pick<SluiceTest, 'projections' | 'client'>,
  options: TestBridgeOptions = {},
): Promise<TestBridge> {
  const logged: TestBridge['logged'] = [];
  const log = (level: string) => (fields: object, message: string) =>
    void logged.push({ level, message, fields });
  const stream = options.config?.stream ?? `events-${randomUUID()}`;
  const bridge = await startBridge({
    config: {
      http: { host: '127.0.0.1', port: 0 },
      token: undefined,
      redisUrl: options.redisUrl,
      stream,
      group: 'sluice',
      inFlight: 64,
      claimMs: 400,
      tries: 3,
      paths: options.paths ?? {},
      ...options.config,
    },
    projections: sluice.projections,
    client: sluice.client,
    sweep: options.sweep,
    requestLimitMs: options.requestLimitMs,
    log: { info: log('info'), warn: log('warn'), error: log('error') },
  });
  const url = bridge.url ?? '';
  const token = options.config?.token;
  const ask = async (path: string, init: RequestInit): Promise<BridgeAnswer> => {
    const response = await fetch(`${url}${path}`, init);
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as JsonObject,
    };
  };
  return {
    url,
    stream,
    logged,
    stop: () => bridge.stop(),
    post: (body, headers = {}) =>
      ask('/events', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body),
      }),
    get: (query) =>
      ask(`/events?${new URLSearchParams(query).toString()}`, {
        method: 'GET',
        ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
      }),
  };
}
