/** A request as events: CloudEvents structured, batched or binary, or the plain form. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { SluiceError } from '../../contracts/errors.js';
import { decodeText } from './text.js';

/** What a request holds. */
export interface RequestEvents {
  readonly batch: boolean;
  readonly events: readonly unknown[];
}

/** Events of one batch. */
const MOST_IN_BATCH = 1_000;

/**
 * Reads a body, no further than its limit.
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

/** @throws SluiceError EVENT_INVALID where the body is no JSON, or no list where one is announced */
export function eventsOf(headers: IncomingHttpHeaders, body: Buffer): RequestEvents {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/cloudevents-batch+json') {
    const list: unknown = parse(body);
    if (!Array.isArray(list)) throw invalid('a batch must be a JSON array of events');
    if (list.length > MOST_IN_BATCH) throw invalid(`a batch has at most ${MOST_IN_BATCH} events`);
    return { batch: true, events: list };
  }
  if (headers['ce-specversion'] !== undefined) return { batch: false, events: [binary(headers, body)] };
  if (type !== '' && type !== 'application/json' && !type.endsWith('+json')) {
    throw invalid(`content-type is ${type}: send application/json or application/cloudevents+json`);
  }
  return { batch: false, events: [parse(body)] };
}

/** Binary mode: attributes in headers, data in the body. */
function binary(headers: IncomingHttpHeaders, body: Buffer): Record<string, unknown> {
  const attributes = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith('ce-') && typeof value === 'string' ? [[name.slice(3), decoded(value)] as const] : [],
  );
  return {
    ...Object.fromEntries(attributes),
    ...(headers['content-type'] !== undefined && { datacontenttype: headers['content-type'] }),
    ...(body.length > 0 && { data: parse(body) }),
  };
}

/** Header values are percent-encoded; one that is not valid stands for itself. */
function decoded(value: string): string {
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
    throw invalid(`the body is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function invalid(problem: string): SluiceError {
  return new SluiceError('EVENT_INVALID', problem, { details: { problems: [problem] } });
}
