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
import type { RunView } from '../../projections/index.js';
import { calling } from '../errors.js';
import { readsOf, type RunContext } from './context.js';

const NOT_FOUND = 5;

/**
 * The original payload of a run.
 * @throws SluiceError RERUN_PAYLOAD_GONE, TEMPORAL_UNAVAILABLE
 */
export async function originalPayload(context: RunContext, run: RunView): Promise<Json> {
  return (await fromTemporal(context, run)) ?? (await fromLog(context, run)).payload;
}

async function fromTemporal(context: RunContext, { workflowId, runId }: RunView): Promise<Json | undefined> {
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
  // A run that was started with nothing has an empty payload.
  return payload === undefined ? {} : JsonValue.parse(payload);
}

async function decode({ temporal }: RunContext, encoded: readonly Payload[]): Promise<readonly unknown[]> {
  const { payloadConverter, payloadCodecs } = temporal.options.loadedDataConverter;
  let payloads = [...encoded];
  for (const codec of payloadCodecs) payloads = await codec.decode(payloads);
  return payloads.map((payload) => payloadConverter.fromPayload<unknown>(payload));
}

/** What a run's first line says of it. */
interface Beginning {
  readonly payload: Json;
  readonly correlationKeys: readonly string[];
}

/**
 * The first line of a run's log.
 * @throws SluiceError RERUN_PAYLOAD_GONE
 */
async function fromLog(context: RunContext, { tenant, runId }: RunView): Promise<Beginning> {
  const reads = readsOf(context);
  const gone = (why: string) =>
    new SluiceError('RERUN_PAYLOAD_GONE', `The history of run ${runId} is gone, and ${why}.`, {
      details: { runId },
    });
  if (reads.redacted === true) throw gone('what is read here is redacted');
  const { items } = await reads.listEvents(tenant, runId, { limit: 1 });
  const [first] = items;
  if (first?.type !== 'RUN_STARTED') throw gone('its log does not begin');
  return first.data;
}
