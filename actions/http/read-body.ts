/** Reads the body of a response up to a limit; nothing past the limit is ever held in memory. */
import type { Response } from 'undici';
import type { Json } from '../../contracts/json.js';

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

/** JSON if the content type says so and the body parses; text otherwise. */
export function decodeBody(bytes: Uint8Array, contentType: string | null): Json {
  const text = new TextDecoder().decode(bytes);
  if (contentType === null || !JSON_TYPE.test(contentType) || text === '') return text;
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
