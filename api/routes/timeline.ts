import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { operation, type Api } from '../http/operation.js';
import { problemOf } from '../http/problem.js';
import { streamAnswer } from '../http/streams.js';
import { lineId, parseLastLine, runTimeline, type TimelineItem } from '../views/timeline.js';
import { toRunEvent } from '../views/views.js';
import { RunParams } from './parts.js';

/** How long a reader waits before it comes again, ms. */
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
      summary: "A run's log as it is written",
      description: `Server-sent events. Each line of the log is a message whose id is its \`seq\` and the execution that
committed it; its data is a RunEvent. \`event: reset\` says that the lines after \`after\` were undone by a reset, and those
that stand there now follow. \`event: end\` says how the run ended; then the stream closes. Comments are heartbeats. A
reader that sends back the last id as \`Last-Event-ID\` (a browser does so by itself; a bare \`seq\` will do) gets what
comes after it: no line is lost, none comes twice.`,
      capability: 'read',
      params: RunParams,
      headers: { 'Last-Event-ID': 'The last line that the reader has. Default: none.' },
      answers: { 200: { description: 'The stream', type: 'text/event-stream' } },
      errors: ['RUN_NOT_FOUND', 'DEFINITION_VERSION_NOT_FOUND'],
    },
    async ({ c, tenant, params: { runId } }) => {
      const given = c.req.header('Last-Event-ID');
      const last = given === undefined || given === '' ? undefined : parseLastLine(given);
      if (given !== undefined && given !== '' && last === undefined) {
        throw new SluiceError(
          'INPUT_INVALID',
          'Last-Event-ID must be the id of a line: SEQ or SEQ:EXECUTION.',
        );
      }
      const redactor = await client.runs.redactor(runId, { tenant });
      const listener = new AbortController();
      const signal = AbortSignal.any([listener.signal, stopping]);
      const occurrence = { requestId: c.get('requestId'), path: c.req.path };
      async function* texts(): AsyncGenerator<string, void> {
        metrics.streams.inc();
        try {
          yield `retry: ${RETRY_MS}\n\n`;
          for await (const item of runTimeline({ reads: projections.reads, tenant, runId, last, signal })) {
            yield messageOf(item.kind === 'event' ? { ...item, event: redactor.event(item.event) } : item);
          }
        } catch (thrown) {
          // The reader comes again after `retry` and misses nothing.
          log.error(
            { requestId: occurrence.requestId, error: toSluiceError(thrown) },
            'A timeline broke off',
          );
          yield message('problem', problemOf(thrown, occurrence));
        } finally {
          metrics.streams.dec();
        }
      }
      return streamAnswer(texts(), { contentType: 'text/event-stream; charset=utf-8', listener });
    },
  );
}

function messageOf(item: TimelineItem): string {
  switch (item.kind) {
    case 'event':
      return `id: ${lineId(item.event)}\ndata: ${JSON.stringify(toRunEvent(item.event))}\n\n`;
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
