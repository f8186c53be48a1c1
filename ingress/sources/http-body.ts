/**
 * Reads the events of a request: CloudEvents structured, batched or binary, or the plain form.
 *
 * Invariants (the HTTP binding of CloudEvents 1.0)
 * - The content type alone decides the mode: `application/cloudevents…` is structured or a batch, with any
 *   headers; anything else with headers of a CloudEvent is binary.
 * - A header is read in one way only: unquoted, then percent-decoded once. What can be read in two ways, or
 *   in none, is refused: a key that is taken wrongly finds no run, and its sender does not learn why.
 */
import type { IncomingMessage } from 'node:http';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { isCloudEvent } from '../../contracts/events/cloud-event.js';
import { isJsonObject } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { faultText } from '../../contracts/reading/json-faults.js';
import { parseJson, type ParsedJson } from '../../contracts/reading/parse-json.js';
import { eventInvalid } from '../routing/decode.js';
import { decodeText } from './text.js';

/** The events of a request, not decoded yet. */
export interface RequestEvents {
  readonly batch: boolean;
  readonly events: readonly unknown[];
}

const CLOUD_EVENTS = 'application/cloudevents';
const STRUCTURED = `${CLOUD_EVENTS}+json`;
const BATCH = `${CLOUD_EVENTS}-batch+json`;
const PREFIX = 'ce-';
/** Headers that say that the request is a CloudEvent: its mandatory attributes. */
const MANDATORY = ['ce-specversion', 'ce-id', 'ce-source', 'ce-type'];
/** Names that no header may give: in binary mode they are the body and its content type. */
const NOT_IN_HEADERS = new Set(['data', 'data_base64', 'datacontenttype']);

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

type Headers = Pick<IncomingMessage, 'headers' | 'headersDistinct'>;

/**
 * The events that a body holds.
 * @throws SluiceError EVENT_INVALID where the body is not JSON, a batch is not a list, or a header cannot be
 * read
 */
export function eventsOf(request: Headers, body: Buffer): RequestEvents {
  const { headers } = request;
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === BATCH) {
    const list: unknown = parse(body);
    if (!Array.isArray(list)) throw eventInvalid(['a batch must be a JSON array of events']);
    if (list.length > LIMITS.batchEvents) {
      throw eventInvalid([`a batch is limited to ${LIMITS.batchEvents} events`]);
    }
    return { batch: true, events: list.map(asCloudEvent) };
  }
  if (type === STRUCTURED) return { batch: false, events: [asCloudEvent(parse(body))] };
  if (type.startsWith(CLOUD_EVENTS)) {
    throw eventInvalid([`content-type is ${type}: send ${STRUCTURED} or ${BATCH}`]);
  }
  if (MANDATORY.some((name) => headers[name] !== undefined)) {
    return { batch: false, events: [binary(request, type, body)] };
  }
  // A page can send a body without a content type, or as text, to any address, and no browser asks first.
  if (!isJson(type)) {
    throw eventInvalid([
      `content-type is ${type === '' ? 'missing' : type}: send application/json or ${STRUCTURED}`,
    ]);
  }
  return { batch: false, events: [parse(body)] };
}

function isJson(type: string): boolean {
  return type === 'application/json' || type.endsWith('+json');
}

/** An event of a sender that calls it a CloudEvent: without a version it is one that lacks its version. */
function asCloudEvent(value: unknown): unknown {
  if (!isJsonObject(value) || isCloudEvent(value) || Object.hasOwn(value, 'eventId')) return value;
  return { ...value, specversion: null };
}

/** Binary mode: attributes in headers, data in the body. */
function binary(
  { headers, headersDistinct }: Headers,
  type: string,
  body: Buffer,
): Readonly<Record<string, unknown>> {
  const problems: string[] = [];
  const attributes: [string, string][] = [];
  for (const [header, values = []] of Object.entries(headersDistinct)) {
    if (!header.startsWith(PREFIX)) continue;
    const name = header.slice(PREFIX.length);
    const value = values.length === 1 ? headerValue(values[0] ?? '') : undefined;
    if (NOT_IN_HEADERS.has(name)) {
      problems.push(`${header}: must not be sent: the body and its content-type say it`);
    } else if (values.length > 1) {
      problems.push(`${header}: is given ${values.length} times`);
    } else if (value === undefined) {
      problems.push(`${header}: must be text that is percent-encoded as UTF-8, or quoted`);
    } else {
      attributes.push([name, value]);
    }
  }
  if (problems.length > 0) throw eventInvalid(problems);
  const json = type === '' || isJson(type);
  return {
    specversion: null,
    ...Object.fromEntries(attributes),
    ...(headers['content-type'] !== undefined && { datacontenttype: headers['content-type'] }),
    // Data of another type is refused for its type.
    ...(body.length > 0 && json && { data: parse(body) }),
  };
}

/** The text of a header: unquoted, then percent-decoded once; undefined: it cannot be read in one way. */
function headerValue(raw: string): string | undefined {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(raw)?.[1];
  const value = quoted === undefined ? raw : quoted.replace(/\\(.)/g, '$1');
  // Bytes beyond ASCII have no charset in a header.
  if ((quoted === undefined && raw.includes('"')) || /[^\t -~]/.test(raw)) return undefined;
  try {
    return decodeURIComponent(value);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function parse(body: Buffer): unknown {
  let parsed: ParsedJson;
  try {
    parsed = parseJson(decodeText(body));
  } catch (error) {
    throw eventInvalid([`the body is not JSON: ${messageOf(error)}`]);
  }
  if (parsed.duplicates.length > 0) throw eventInvalid(parsed.duplicates.map((fault) => faultText(fault)));
  return parsed.value;
}
