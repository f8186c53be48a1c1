import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { principalId } from '../auth/principal.js';
import { operation, type Api } from '../http/operation.js';
import { problemOf } from '../http/problem.js';
import { streamAnswer } from '../http/streams.js';
import { messageId, parseLastEvent, runTimeline, type TimelineItem } from '../views/timeline.js';
import { toRunEvent } from '../views/views.js';
import { RunParams } from '../views/parts.js';

/** How long a reader waits before it reconnects, ms. */
const RETRY_MS = 1_000;

export function addTimelineRoute(api: Api): void {
  const { client, projections, stopping, metrics, log } = api.deps;
  operation(
    api,
    {
      method: 'get',
      path: '/v1/runs/{runId}/timeline',
      operationId: 'followRun',
      tag: 'runs',
      summary: "Follow a run's log as it is written",
      description: `Server-sent events. Each event of the log is a message: its id is the \`seq\` and the execution that committed
it, its data is a RunEvent. \`event: reset\` means that a reset undid the events after \`after\`; their replacements
follow. \`event: end\` tells how the run ended; then the stream closes. Comments are heartbeats. A reader that sends the
last id as \`Last-Event-ID\` (a browser does; a bare \`seq\` is enough) continues after it: no event is lost, and none
comes twice. When the token ends (it is revoked, expires, or loses the tenant or the role), so does the stream, with
\`event: problem\`. A token may have 50 timelines open at each API process, and a process 500: past that the answer is
429.`,
      capability: 'read',
      params: RunParams,
      headers: { 'Last-Event-ID': 'The last event that the reader has. Default: all events follow.' },
      answers: { 200: { description: 'The stream', type: 'text/event-stream' } },
      errors: ['RUN_NOT_FOUND', 'DEFINITION_VERSION_NOT_FOUND'],
    },
    async ({ c, principal, tenant, checkAgain, params: { runId } }) => {
      const given = c.req.header('Last-Event-ID');
      const last = given === undefined || given === '' ? undefined : parseLastEvent(given);
      if (given !== undefined && given !== '' && last === undefined) {
        throw new SluiceError(
          'INPUT_INVALID',
          'Last-Event-ID must be the id of an event: SEQ or SEQ:EXECUTION.',
        );
      }
      const redactor = await client.runs.redactor(runId, { tenant });
      const listener = new AbortController();
      const revoked = new AbortController();
      const signal = AbortSignal.any([listener.signal, stopping, revoked.signal]);
      const place = api.places.take({
        principal: principalId(principal),
        check: checkAgain,
        onEnd: () => revoked.abort(),
      });
      listener.signal.addEventListener('abort', () => place.leave());
      // Its stream is never read, so it never ends.
      if (c.req.method === 'HEAD') place.leave();
      const occurrence = { requestId: c.get('requestId'), path: c.req.path };
      async function* texts(): AsyncGenerator<string, void> {
        metrics.streams.inc();
        try {
          yield `retry: ${RETRY_MS}\n\n`;
          for await (const item of runTimeline({ reads: projections.reads, tenant, runId, last, signal })) {
            yield toMessage(item.kind === 'event' ? { ...item, event: redactor.event(item.event) } : item);
            if (place.ended !== undefined) break;
          }
          if (place.ended !== undefined) yield message('problem', problemOf(place.ended, occurrence));
        } catch (thrown) {
          // The reader reconnects after `retry` and misses nothing.
          log.error(
            { requestId: occurrence.requestId, error: toSluiceError(thrown) },
            'A timeline broke off',
          );
          yield message('problem', problemOf(thrown, occurrence));
        } finally {
          place.leave();
          metrics.streams.dec();
        }
      }
      return streamAnswer(texts(), { contentType: 'text/event-stream; charset=utf-8', listener });
    },
  );
}

function toMessage(item: TimelineItem): string {
  switch (item.kind) {
    case 'event':
      return `id: ${messageId(item.event)}\ndata: ${JSON.stringify(toRunEvent(item.event))}\n\n`;
    case 'reset':
      return message('reset', { after: item.after });
    case 'heartbeat':
      return ': heartbeat\n\n';
    case 'end':
      return message('end', { status: item.status });
  }
}

function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
