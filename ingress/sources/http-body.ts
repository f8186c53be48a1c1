/** Reads the events of a request: CloudEvents structured, batched or binary, or the plain form. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { eventInvalid } from '../routing/decode.js';
import { decodeText } from './text.js';

/** The events of a request, not decoded yet. */
export interface RequestEvents {
  readonly batch: boolean;
  readonly events: readonly unknown[];
}

/** Limit of the events of one batch. */
const MOST_IN_BATCH = 1_000;

/**
 * Reads a body up to its limit.
 * @param limit bytes
 * @throws SluiceError EVENT_TOO_LARGE
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const tooLarge = () => new SluiceError('EVENT_TOO_LARGE', `The request has more than ${limit} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limit) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * The events that a body holds.
 * @throws SluiceError EVENT_INVALID where the body is not JSON, or a batch is not a list
 */
export function eventsOf(headers: IncomingHttpHeaders, body: Buffer): RequestEvents {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/cloudevents-batch+json') {
    const list: unknown = parse(body);
    if (!Array.isArray(list)) throw eventInvalid(['a batch must be a JSON array of events']);
    if (list.length > MOST_IN_BATCH) throw eventInvalid([`a batch is limited to ${MOST_IN_BATCH} events`]);
    return { batch: true, events: list };
  }
  if (headers['ce-specversion'] !== undefined) return { batch: false, events: [binary(headers, body)] };
  if (type !== '' && type !== 'application/json' && !type.endsWith('+json')) {
    throw eventInvalid([`content-type is ${type}: send application/json or application/cloudevents+json`]);
  }
  return { batch: false, events: [parse(body)] };
}

/** Binary mode: attributes in headers, data in the body. */
function binary(headers: IncomingHttpHeaders, body: Buffer): Record<string, unknown> {
  const attributes = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith('ce-') && typeof value === 'string' ? [[name.slice(3), headerValue(value)] as const] : [],
  );
  return {
    ...Object.fromEntries(attributes),
    ...(headers['content-type'] !== undefined && { datacontenttype: headers['content-type'] }),
    ...(body.length > 0 && { data: parse(body) }),
  };
}

/** Header values are percent-encoded; an invalid one is taken literally. */
function headerValue(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    if (error instanceof URIError) return value;
    throw error;
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(decodeText(body)) as unknown;
  } catch (error) {
    throw eventInvalid([`the body is not JSON: ${messageOf(error)}`]);
  }
}
