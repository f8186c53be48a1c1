/**
 * Answers that come bit by bit: lines of JSON for long work, server-sent events for a timeline.
 *
 * Invariant: what makes the lines is told as soon as nobody listens any more, and has ended before its stream counts as
 * ended.
 */
import { problemOf, type Occurrence } from './problem.js';

const ends = new WeakMap<Response, Promise<void>>();

/** Resolves when an answer's stream has ended; at once for an answer that is none. */
export function streamEnd(response: Response): Promise<void> {
  return ends.get(response) ?? Promise.resolve();
}

export interface StreamOptions {
  readonly contentType: string;
  /** Aborted when nobody listens any more. */
  readonly listener: AbortController;
}

/** An answer of texts, as they come. A failure of `texts` is a broken connection: whoever makes them tells of it before. */
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
  // Nothing is made before somebody reads: to a HEAD nobody does.
  const body = new ReadableStream<Uint8Array>(source, { highWaterMark: 0 });
  const response = new Response(body, {
    headers: {
      'content-type': contentType,
      'cache-control': 'no-store, no-transform',
      // Proxies that gather answers would keep the lines back.
      'x-accel-buffering': 'no',
    },
  });
  ends.set(response, end);
  return response;
}

/**
 * Lines of JSON. The first item is waited for, so that a refusal is an answer of its own; what fails later is a last
 * line `{"problem": …}`. The last line of work that came to its end is `{"summary": …}`.
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
