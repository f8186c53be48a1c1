/**
 * The input that a run was started with.
 *
 * Invariant (reruns-use-the-original-input): it comes from Temporal's history of the run's first execution,
 * as it was sent, and never from anything redacted. Only if retention has removed that history, it comes from
 * the run's log, which has it with the defaults of the payloadSchema; a source that redacts is refused.
 */
import { SluiceError } from '../../contracts/errors.js';
import { JsonValue, type Json } from '../../contracts/json.js';
import { StartMemo } from '../../contracts/run/messages.js';
import { refuseFaults } from '../../contracts/reading/read-json.js';
import { decodePayloads, isGrpcNotFound } from '../../contracts/temporal-history.js';
import type { RunView } from '../../projections/index.js';
import { callTemporal } from '../connection/errors.js';
import { readsOf, type RunContext } from './context.js';

/** The input that a run was started with. */
export interface OriginalStart {
  readonly payload: Json;
  /** What caused the run; undefined: its memo names no trigger. */
  readonly trigger: Json | undefined;
  readonly correlationKeys: readonly string[];
  /** The length of the chain of events that led to it; undefined: no event did, or Temporal has forgotten. */
  readonly sluiceChain: number | undefined;
}

/**
 * Reads the input that a run was started with.
 * @param payload replaces the original payload, which may be gone then
 * @throws SluiceError RERUN_PAYLOAD_GONE, TEMPORAL_UNAVAILABLE
 */
export async function originalStart(
  context: RunContext,
  run: RunView,
  payload?: Json,
): Promise<OriginalStart> {
  const start = await fromTemporal(context, run);
  if (payload === undefined) return start ?? (await fromLog(context, run));
  return {
    trigger: start?.trigger,
    correlationKeys: start?.correlationKeys ?? [],
    sluiceChain: start?.sluiceChain,
    payload,
  };
}

async function fromTemporal(
  context: RunContext,
  { workflowId, runId }: RunView,
): Promise<OriginalStart | undefined> {
  const { temporal, call } = context;
  const page = await callTemporal({ ...call, workflowId }, () =>
    temporal.workflowService
      .getWorkflowExecutionHistory({
        namespace: temporal.options.namespace,
        execution: { workflowId, runId },
        maximumPageSize: 1,
      })
      .catch((error: unknown) => {
        if (isGrpcNotFound(error)) return undefined;
        throw error;
      }),
  );
  const started = page?.history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  if (started === undefined || started === null) return undefined;
  const reader = temporal.options.loadedDataConverter;
  const [payload] = await decodePayloads(reader, started.input?.payloads);
  refuseFaults(payload, `The payload of run ${runId}`, 'PAYLOAD_INVALID');
  const fields = Object.entries(started.memo?.fields ?? {});
  const values = await decodePayloads(
    reader,
    fields.map(([, value]) => value),
  );
  const memo = StartMemo.safeParse(Object.fromEntries(fields.map(([name], i) => [name, values[i]])));
  return {
    // A run that was started without a payload has an empty one.
    payload: payload === undefined ? {} : JsonValue.parse(payload),
    trigger: memo.data?.trigger,
    correlationKeys: memo.data?.correlationKeys ?? [],
    sluiceChain: memo.data?.sluiceChain,
  };
}

async function fromLog(context: RunContext, { tenant, runId }: RunView): Promise<OriginalStart> {
  const reads = readsOf(context);
  const { address, namespace } = context.call;
  const gone = (why: string) =>
    new SluiceError(
      'RERUN_PAYLOAD_GONE',
      `Temporal at ${address}, namespace ${namespace}, has no history of run ${runId}: retention has removed it, or the run was in another Temporal. And ${why}.`,
      { details: { runId, address, namespace } },
    );
  if (reads.redacted === true) throw gone('the source of reads redacts');
  const { items } = await reads.listEvents(tenant, runId, { limit: 1 });
  const [first] = items;
  if (first?.type !== 'RUN_STARTED') throw gone('its log has no RUN_STARTED');
  const { payload, trigger, correlationKeys } = first.data;
  return { payload, trigger: trigger ?? undefined, correlationKeys, sluiceChain: undefined };
}
