/** Reads and decodes the body of a request, within the limit. */
import type { Context } from 'hono';
import { type ErrorCode, SluiceError } from '../../contracts/errors.js';
import { isDeeperThan } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { faultText } from '../../contracts/reading/json-faults.js';
import { parseJson, type ParsedJson } from '../../contracts/reading/parse-json.js';
import { invalidInput } from './problem.js';

const JSON_TYPE = 'application/json';

/**
 * Reads the bytes of a body.
 * @throws SluiceError REQUEST_TOO_LARGE, before more than the limit is in memory
 */
export async function readBytes(c: Context): Promise<Uint8Array> {
  const most = LIMITS.requestBytes;
  const tooLarge = (): SluiceError =>
    new SluiceError('REQUEST_TOO_LARGE', `The body has more than ${most} bytes.`, {
      details: { limit: most },
    });
  if (Number(c.req.header('content-length') ?? 0) > most) throw tooLarge();
  const { body } = c.req.raw;
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > most) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Content type of a request, without its parameters; undefined if the header is missing. */
function typeOf(c: Context): string | undefined {
  return c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
}

/**
 * Decodes a body: JSON becomes a value, every other content type that the route accepts stays text.
 * @param accepted content types of the route
 * @returns undefined if the request has no body
 * @param faultCode code of a body that holds what Sluice cannot take as it was sent
 * @throws SluiceError MEDIA_TYPE_UNSUPPORTED, INPUT_INVALID, or `faultCode`
 */
export function decodeBody(
  c: Context,
  bytes: Uint8Array,
  accepted: readonly string[],
  faultCode: ErrorCode,
): unknown {
  if (bytes.length === 0) return undefined;
  const type = typeOf(c);
  if (type === undefined || !accepted.includes(type)) {
    throw new SluiceError(
      'MEDIA_TYPE_UNSUPPORTED',
      `The content type is ${type ?? 'missing'}; this route accepts ${accepted.join(', ')}.`,
    );
  }
  const text = decodeText(bytes);
  if (type !== JSON_TYPE) return text;
  let parsed: ParsedJson;
  try {
    parsed = parseJson(text);
  } catch (error) {
    throw invalidInput([
      { detail: `The body is not JSON: ${(error as Error).message}`, location: 'body', pointer: '' },
    ]);
  }
  const { value, faults } = parsed;
  if (isDeeperThan(value, LIMITS.depth)) {
    throw invalidInput([
      { detail: `The body is nested more than ${LIMITS.depth} levels deep.`, location: 'body', pointer: '' },
    ]);
  }
  if (faults.length > 0) {
    throw new SluiceError(
      faultCode,
      `The body: ${faults.map((fault) => faultText(fault, 'it')).join('; ')}`,
      {
        details: {
          problems: faults.map(({ pointer, message }) => ({ detail: message, location: 'body', pointer })),
        },
      },
    );
  }
  return value;
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalidInput([{ detail: 'The body is not UTF-8.', location: 'body', pointer: '' }]);
  }
}
