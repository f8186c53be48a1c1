/**
 * What a run was started with.
 *
 * Invariant: it comes from Temporal's history of the run's first execution, as it was sent (trap 17: never from
 * anything that was redacted). Only where retention has removed that history it is taken from the run's log, which
 * has it with the defaults of the payloadSchema; a source that redacts is refused.
 */
import { isGrpcServiceError } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { SluiceError } from '../../contracts/errors.js';
import { JsonValue, type Json } from '../../contracts/json.js';
import { StartMemo } from '../../contracts/run/messages.js';
import type { RunView } from '../../projections/index.js';
import { calling } from '../connection/errors.js';
import { readsOf, type RunContext } from './context.js';

const NOT_FOUND = 5;

/** What a run was started with. */
export interface OriginalStart {
  readonly payload: Json;
  /** What had caused it; undefined: nothing was said. */
  readonly trigger: Json | undefined;
  readonly correlationKeys: readonly string[];
}

/**
 * What a run was started with.
 * @param payload in place of its own, which may then be gone
 * @throws SluiceError RERUN_PAYLOAD_GONE, TEMPORAL_UNAVAILABLE
 */
export async function originalStart(
  context: RunContext,
  run: RunView,
  payload?: Json,
): Promise<OriginalStart> {
  const start = await fromTemporal(context, run);
  if (payload === undefined) return start ?? (await fromLog(context, run));
  return { trigger: start?.trigger, correlationKeys: start?.correlationKeys ?? [], payload };
}

async function fromTemporal(
  context: RunContext,
  { workflowId, runId }: RunView,
): Promise<OriginalStart | undefined> {
  const { temporal, call } = context;
  const page = await calling({ ...call, workflowId, needsWorker: false }, () =>
    temporal.workflowService
      .getWorkflowExecutionHistory({
        namespace: temporal.options.namespace,
        execution: { workflowId, runId },
        maximumPageSize: 1,
      })
      .catch((error: unknown) => {
        if (isGrpcServiceError(error) && Number(error.code) === NOT_FOUND) return undefined;
        throw error;
      }),
  );
  const started = page?.history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  if (started === undefined || started === null) return undefined;
  const [payload] = await decode(context, started.input?.payloads ?? []);
  const fields = Object.entries(started.memo?.fields ?? {});
  const values = await decode(
    context,
    fields.map(([, value]) => value),
  );
  const memo = StartMemo.safeParse(Object.fromEntries(fields.map(([name], i) => [name, values[i]])));
  return {
    // A run that was started with nothing has an empty payload.
    payload: payload === undefined ? {} : JsonValue.parse(payload),
    trigger: memo.data?.trigger,
    correlationKeys: memo.data?.correlationKeys ?? [],
  };
}

async function decode({ temporal }: RunContext, encoded: readonly Payload[]): Promise<readonly unknown[]> {
  const { payloadConverter, payloadCodecs } = temporal.options.loadedDataConverter;
  let payloads = [...encoded];
  for (const codec of payloadCodecs) payloads = await codec.decode(payloads);
  return payloads.map((payload) => payloadConverter.fromPayload<unknown>(payload));
}

async function fromLog(context: RunContext, { tenant, runId }: RunView): Promise<OriginalStart> {
  const reads = readsOf(context);
  const gone = (why: string) =>
    new SluiceError('RERUN_PAYLOAD_GONE', `The history of run ${runId} is gone, and ${why}.`, {
      details: { runId },
    });
  if (reads.redacted === true) throw gone('what is read here is redacted');
  const { items } = await reads.listEvents(tenant, runId, { limit: 1 });
  const [first] = items;
  if (first?.type !== 'RUN_STARTED') throw gone('its log does not begin');
  const { payload, trigger, correlationKeys } = first.data;
  return { payload, trigger: trigger ?? undefined, correlationKeys };
}
