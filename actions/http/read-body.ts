/** Reads the body of a response up to a limit; nothing past the limit is ever held in memory. */
import type { Response } from 'undici';
import { createScanner } from 'jsonc-parser';
import type { Json } from '../../contracts/json.js';
import { isLossy, type JsonFault } from '../../contracts/reading/json-faults.js';
import { parseJson } from '../../contracts/reading/parse-json.js';

export interface ReadBody {
  readonly bytes: Uint8Array;
  /** True if the body exceeds the limit; the rest was not read. */
  readonly cut: boolean;
}

/**
 * Reads at most `limit` bytes, counted after decompression: a small compressed body can become a large one.
 * @param limit bytes
 */
export async function readBody(response: Response, limit: number): Promise<ReadBody> {
  if (response.body === null) return { bytes: new Uint8Array(), cut: false };
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the stream and closes the connection.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > limit) {
      chunks.push(chunk.subarray(0, chunk.byteLength - (size - limit)));
      return { bytes: Buffer.concat(chunks), cut: true };
    }
    chunks.push(chunk);
  }
  return { bytes: Buffer.concat(chunks), cut: false };
}

const JSON_TYPE = /^application\/([\w.+-]+\+)?json\b/i;

/** A body as a value. */
export interface DecodedBody {
  readonly body: Json;
  /** Why a body that is JSON stayed text: each place that Sluice cannot take as it was sent. */
  readonly problems: readonly JsonFault[];
}

/**
 * JSON if the content type says so and the body is JSON that Sluice can take; text otherwise, so that nothing
 * of an answer is lost or rounded: the call that gave it has happened.
 * @param numbersAsText integers beyond ±(2^53 − 1), and numbers that no double holds, become text
 */
export function decodeBody(
  bytes: Uint8Array,
  contentType: string | null,
  numbersAsText = false,
): DecodedBody {
  const text = new TextDecoder().decode(bytes);
  if (contentType === null || !JSON_TYPE.test(contentType) || text === '') {
    return { body: text, problems: [] };
  }
  try {
    const { value, faults } = parseJson(text);
    if (faults.length === 0) return { body: value, problems: [] };
    if (!numbersAsText) return { body: text, problems: faults };
    const quoted = parseJson(quoteLossyNumbers(text));
    return quoted.faults.length === 0
      ? { body: quoted.value, problems: [] }
      : { body: text, problems: quoted.faults };
  } catch (error) {
    if (error instanceof SyntaxError) return { body: text, problems: [] };
    throw error;
  }
}

/** Kinds of tokens of jsonc-parser. Its const enum cannot be imported with isolatedModules. */
const NUMBER = 11;
const END = 17;

/** A JSON text with quotes around each number that would lose digits. Its digits stay as they were. */
function quoteLossyNumbers(text: string): string {
  const scanner = createScanner(text, true);
  const parts: string[] = [];
  let done = 0;
  for (let kind = scanner.scan() as number; kind !== END; kind = scanner.scan() as number) {
    if (kind !== NUMBER) continue;
    const start = scanner.getTokenOffset();
    const end = start + scanner.getTokenLength();
    const written = text.slice(start, end);
    if (!isLossy(Number(written))) continue;
    parts.push(text.slice(done, start), `"${written}"`);
    done = end;
  }
  return [...parts, text.slice(done)].join('');
}
