/** Idempotency keys of the HTTP API, bound to a database. */
import type { Writer } from './connection/writer.js';
import {
  beginApiRequest,
  endApiRequest,
  forgetApiRequests,
  renewApiRequest,
  type ApiRequestEnd,
  type ApiRequestKey,
  type ApiRequestLease,
  type BegunApiRequest,
} from './writers/api-requests.js';

/** Keys of API requests; projections/writers/api-requests.ts describes each act. */
export interface ApiRequests {
  begin(key: ApiRequestKey, hash: string, lease: ApiRequestLease, expires: number): Promise<BegunApiRequest>;
  end(key: ApiRequestKey, holder: string, end: ApiRequestEnd): Promise<void>;
  renew(key: ApiRequestKey, lease: Omit<ApiRequestLease, 'now'>): Promise<boolean>;
  forget(now: number): Promise<number>;
}

export function createApiRequests(writer: Writer): ApiRequests {
  return {
    begin: (key, hash, lease, expires) => beginApiRequest(writer, key, { hash, expires }, lease),
    end: (...args) => endApiRequest(writer, ...args),
    renew: (...args) => renewApiRequest(writer, ...args),
    forget: (...args) => forgetApiRequests(writer, ...args),
  };
}
