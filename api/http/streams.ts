/**
 * Streamed answers: lines of JSON for long work, server-sent events for a timeline.
 *
 * Invariant: the generator of the lines is told as soon as the reader is gone, and a stream ends only after
 * its generator has ended.
 */
import { problemOf, type Occurrence } from './problem.js';

const ends = new WeakMap<Response, Promise<void>>();

/** Resolves when an answer's stream has ended; undefined for an answer without a stream. */
export function streamEnd(response: Response): Promise<void> | undefined {
  return ends.get(response);
}

export interface StreamOptions {
  readonly contentType: string;
  /** Aborted when the reader is gone. */
  readonly listener: AbortController;
}

/**
 * Streams texts as they come. A failure of `texts` breaks the connection, so the generator reports it first.
 */
export function streamAnswer(
  texts: AsyncIterator<string, void>,
  { contentType, listener }: StreamOptions,
): Response {
  const encoder = new TextEncoder();
  let ended: () => void;
  const end = new Promise<void>((resolve) => (ended = resolve));
  const finish = (): void => ended();
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>) {
      try {
        const { done, value } = await texts.next();
        if (done !== true) {
          controller.enqueue(encoder.encode(value));
          return;
        }
        controller.close();
        finish();
      } catch (error) {
        controller.error(error);
        finish();
      }
    },
    async cancel() {
      listener.abort();
      try {
        await texts.return?.();
      } finally {
        finish();
      }
    },
  };
  // Generates nothing until the first read, because a HEAD never reads.
  const body = new ReadableStream<Uint8Array>(source, { highWaterMark: 0 });
  const response = new Response(body, {
    headers: {
      'content-type': contentType,
      'cache-control': 'no-store, no-transform',
      // A proxy that buffers answers would delay the lines.
      'x-accel-buffering': 'no',
    },
  });
  ends.set(response, end);
  return response;
}

/**
 * Streams lines of JSON. Waits for the first item, so that a refusal is an ordinary error answer. A later
 * failure becomes a last line `{"problem": …}`; complete work ends with a last line `{"summary": …}`.
 */
export async function ndjson<T>(
  items: AsyncGenerator<T, void>,
  summary: (item: T) => string,
  listener: AbortController,
  occurrence: Occurrence,
): Promise<Response> {
  const first = await items.next();
  async function* lines(): AsyncGenerator<string, void> {
    const counts: Record<string, number> = {};
    const line = (value: unknown): string => `${JSON.stringify(value)}\n`;
    try {
      for (let next = first; next.done !== true; next = await items.next()) {
        const outcome = summary(next.value);
        counts[outcome] = (counts[outcome] ?? 0) + 1;
        yield line(next.value);
      }
      yield line({ summary: counts });
    } catch (thrown) {
      yield line({ problem: problemOf(thrown, occurrence), summary: counts });
    } finally {
      await items.return();
    }
  }
  return streamAnswer(lines(), { contentType: 'application/x-ndjson', listener });
}
