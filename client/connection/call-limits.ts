/**
 * Time limits of the calls of a client.
 *
 * Invariant: every call to Temporal ends, even if the server accepts connections and never answers. The SDK
 * limits a call only where its caller does; the limit here is for all others. It covers the SDK's repetitions
 * too, which bridge a server that restarts.
 */
import {
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  type ConnectionOptions,
} from '@temporalio/client';

/** Time limit of a call, with all its repetitions, ms. */
const CALL_LIMIT_MS = 20_000;
/** The same for a call that the server may hold until something happens; Temporal holds it for 20 s. */
const HELD_CALL_LIMIT_MS = 60_000;
const HELD_CALL =
  /\/(GetWorkflowExecutionHistory|UpdateWorkflowExecution|PollWorkflowExecutionUpdate|ExecuteMultiOperation)$/;

type Interceptors = NonNullable<ConnectionOptions['interceptors']>;

/** Options of a connection whose calls all have a time limit. @param limitMs for tests */
export function withCallLimits(
  options: ConnectionOptions,
  limitMs: number = CALL_LIMIT_MS,
): ConnectionOptions {
  const limit: Interceptors[number] = (call, next) => {
    const ms = HELD_CALL.test(call.method_definition.path) ? HELD_CALL_LIMIT_MS : limitMs;
    // The SDK's types ask for a class here; gRPC itself takes any call.
    return next({ ...call, deadline: call.deadline ?? Date.now() + ms }) as ReturnType<Interceptors[number]>;
  };
  // The first is the outermost: what is repeated shares one limit.
  const given = options.interceptors ?? [makeGrpcRetryInterceptor(defaultGrpcRetryOptions())];
  return { ...options, interceptors: [limit, ...given] };
}
