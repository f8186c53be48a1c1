/**
 * Reading Temporal's histories page by page. Everything here takes the shape of what the SDK gives and
 * imports nothing of it, so that activities, client and reconciler share one reader.
 */

/** gRPC's status NOT_FOUND. */
const GRPC_NOT_FOUND = 5;
const GRPC_INVALID_ARGUMENT = 3;

/** A page of a history, as Temporal's service answers. */
export interface HistoryPage<Event> {
  readonly history?: { readonly events?: readonly Event[] | null } | null;
  readonly nextPageToken?: Uint8Array | null;
}

/** The part of Temporal's client that reads histories. */
export interface HistoryClient<Event> {
  readonly options: { readonly namespace: string };
  readonly workflowService: {
    getWorkflowExecutionHistory(request: {
      namespace: string;
      execution: { workflowId: string; runId: string };
      nextPageToken?: Uint8Array;
    }): Promise<HistoryPage<Event>>;
  };
}

/**
 * The events of one execution's history, read page by page. A history that is gone has no events.
 * @throws what Temporal's client throws
 */
export async function* historyOf<Event>(
  client: HistoryClient<Event>,
  workflowId: string,
  runId: string,
): AsyncGenerator<Event, void> {
  let nextPageToken: Uint8Array | null | undefined;
  do {
    const page = await client.workflowService
      .getWorkflowExecutionHistory({
        namespace: client.options.namespace,
        execution: { workflowId, runId },
        ...(nextPageToken && { nextPageToken }),
      })
      .catch((error: unknown) => {
        if (isGrpcNotFound(error)) return undefined;
        throw error;
      });
    yield* page?.history?.events ?? [];
    nextPageToken = page?.nextPageToken;
  } while (nextPageToken !== undefined && nextPageToken !== null && nextPageToken.length > 0);
}

/**
 * Whether a call of Temporal's service failed because Temporal does not have what it names: no such workflow,
 * or, for a change, one that has ended. Its class comes with the SDK, so the gRPC status tells it. A missing
 * namespace says nothing about what is in it: this is another Temporal.
 */
export function isGrpcNotFound(error: unknown): boolean {
  return hasNotFound(error) && !isNamespaceMissing(error);
}

/** Whether it failed because that Temporal has no such namespace. */
export function isNamespaceMissing(error: unknown): boolean {
  return hasNotFound(error) && NO_NAMESPACE.test(error.details ?? error.message);
}

/** How Temporal says so; the name is quoted by some servers. */
const NO_NAMESPACE = /^namespace \S+ (is )?not found/i;

function hasNotFound(error: unknown): error is Error & { readonly details?: string } {
  return error instanceof Error && 'code' in error && error.code === GRPC_NOT_FOUND;
}

/** Whether Temporal's service refused a call for what it asks: no repetition changes that. */
export function isGrpcInvalid(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === GRPC_INVALID_ARGUMENT;
}

/** The fields of a history event that a reset writes. */
export interface ResetFields {
  readonly workflowTaskFailedEventAttributes?: {
    readonly baseRunId?: string | null;
    readonly newRunId?: string | null;
  } | null;
}

/** A reset: the execution that was reset, and the one that the reset made. */
export interface ResetRuns {
  readonly resetFrom: string;
  readonly made: string;
}

/** The reset that an event records; undefined for any other event. */
export function resetOf({ workflowTaskFailedEventAttributes: failed }: ResetFields): ResetRuns | undefined {
  if (!failed?.baseRunId || !failed.newRunId) return undefined;
  return { resetFrom: failed.baseRunId, made: failed.newRunId };
}

/** The part of Temporal's data converter that reads payloads. */
export interface PayloadReader<Payload> {
  readonly payloadCodecs: readonly { decode(payloads: Payload[]): Promise<Payload[]> }[];
  readonly payloadConverter: { fromPayload(payload: Payload): unknown };
}

/** The fields of a history event that schedules an activity. */
export interface ScheduledFields<Payload> {
  readonly activityTaskScheduledEventAttributes?: {
    readonly input?: { readonly payloads?: Payload[] | null } | null;
  } | null;
}

/** The arguments of the activity that an event schedules; none for any other event. */
export async function argumentsOf<Payload>(
  reader: PayloadReader<Payload>,
  { activityTaskScheduledEventAttributes: scheduled }: ScheduledFields<Payload>,
): Promise<readonly unknown[]> {
  return decodePayloads(reader, scheduled?.input?.payloads);
}

/**
 * The values of payloads, through the codecs of a data converter: the one way in which payloads of histories
 * are read. Encoding takes the codecs in their order, so decoding takes the last one first.
 */
export async function decodePayloads<Payload>(
  { payloadCodecs, payloadConverter }: PayloadReader<Payload>,
  encoded: readonly Payload[] | null | undefined,
): Promise<readonly unknown[]> {
  let payloads = [...(encoded ?? [])];
  for (const codec of [...payloadCodecs].reverse()) payloads = await codec.decode(payloads);
  return payloads.map((payload) => payloadConverter.fromPayload(payload));
}
