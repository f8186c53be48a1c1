/**
 * The one error table: code → HTTP status, category, retryable or not, what the user can do.
 *
 * Invariant: every error that leaves a room is a `SluiceError` (or, inside workflow code, an
 * `ApplicationFailure` made from one, with `type` = the code). An action may throw codes that are not in this
 * table; they stay as they are and count as category `action`.
 */
import { z } from 'zod';
import { JsonValue, type Json } from './json.js';

export const ErrorCategory = z.enum([
  'validation',
  'expression',
  'action',
  'timeout',
  'wait',
  'child',
  'authorization',
  'policy',
  'internal',
]);
export type ErrorCategory = z.infer<typeof ErrorCategory>;

interface ErrorEntry {
  /** HTTP status of a response with this code. */
  readonly status: number;
  readonly category: ErrorCategory;
  /** Whether repeating the same call can help. */
  readonly retryable: boolean;
  /** What the reader can do about it. */
  readonly help: string;
}

const entry = (status: number, category: ErrorCategory, retryable: boolean, help: string): ErrorEntry => ({
  status,
  category,
  retryable,
  help,
});

export const ERRORS = {
  // Definitions
  DEFINITION_INVALID: entry(
    400,
    'validation',
    false,
    'Fix every problem listed; `sluice validate FILE` shows them with line and column.',
  ),
  DEFINITION_TOO_LARGE: entry(
    413,
    'validation',
    false,
    'A definition is limited to 512 KiB. Split it with control.callWorkflow.',
  ),
  DEFINITION_NOT_FOUND: entry(
    404,
    'validation',
    false,
    'Publish the definition (`sluice publish FILE`), or check the workflow type and the tenant.',
  ),
  DEFINITION_VERSION_NOT_FOUND: entry(
    404,
    'validation',
    false,
    'Publish that version, or omit the version to use the latest.',
  ),
  DEFINITION_CONFLICT: entry(
    409,
    'validation',
    false,
    'A published version never changes. Raise `version` and publish again.',
  ),
  ACTION_NOT_FOUND: entry(
    404,
    'validation',
    false,
    'Use an action of the catalogue, or register the action and that version in a module that sluice.config.ts names, in the workers of the task queue.',
  ),
  PAYLOAD_INVALID: entry(
    400,
    'validation',
    false,
    "Send a payload that matches the definition's payloadSchema, and large integers as text.",
  ),
  CHECK_LIMIT: entry(
    422,
    'validation',
    false,
    'Checking the value took more time or memory than a check may take. Simplify the schema (patterns with look-arounds, references, large defaults), or send less.',
  ),
  CHECK_UNAVAILABLE: entry(
    503,
    'internal',
    true,
    'No thread for checks could be started. Give the process more memory or fewer neighbours; the check is repeated.',
  ),
  START_OPTIONS_INVALID: entry(
    400,
    'validation',
    false,
    'Start the run with valid memo keys (tenant, actor, version, correlationKeys and others); docs/temporal.md lists them.',
  ),
  START_RETRY_UNSUPPORTED: entry(
    400,
    'validation',
    false,
    'Start without a Temporal retry policy and without a cron schedule; use `retry` in the definition and Temporal Schedules.',
  ),
  NAME_RESERVED: entry(
    400,
    'validation',
    false,
    'Names that begin with `sluice.` belong to Sluice. Choose another name.',
  ),
  CONFIG_INVALID: entry(
    500,
    'validation',
    false,
    'Fix the variables that the message names; docs/configuration.md lists them all.',
  ),
  KEY_UNKNOWN: entry(
    503,
    'internal',
    true,
    'Add the key that the message names to the key ring of every process (docs/encryption.md), and start them again.',
  ),
  INPUT_INVALID: entry(400, 'validation', false, 'Send input in the documented shape.'),
  USAGE_INVALID: entry(
    400,
    'validation',
    false,
    '`sluice --help` lists the commands; `sluice COMMAND --help` lists the options of one.',
  ),

  // Expressions
  EXPRESSION_SYNTAX: entry(400, 'expression', false, 'Fix the expression at the given position.'),
  EXPRESSION_DISALLOWED_FUNCTION: entry(
    400,
    'expression',
    false,
    'Use a function of the catalogue (`sluice functions`).',
  ),
  EXPRESSION_NOT_JSON: entry(
    422,
    'expression',
    false,
    'An expression must return a JSON value: not a function, not NaN, not an infinity.',
  ),
  EXPRESSION_TOO_LARGE: entry(
    422,
    'expression',
    false,
    'The output of one expression is limited to 256 KiB. Select less.',
  ),
  EXPRESSION_BUDGET: entry(
    422,
    'expression',
    false,
    'The expression does too much work. Filter earlier, or split it into steps.',
  ),
  EXPRESSION_UNDEFINED: entry(
    422,
    'expression',
    false,
    'The expression returned no value where a value is required. Use coalesce(…) for a default.',
  ),
  EXPRESSION_TYPE: entry(
    422,
    'expression',
    false,
    'The expression met a value of the wrong type; see the message.',
  ),

  // Running
  ASSIGN_INVALID: entry(
    422,
    'validation',
    false,
    'The assignment path does not match the value that it leads to, or it begins with a reserved name.',
  ),
  STATE_TOO_LARGE: entry(
    422,
    'validation',
    false,
    'The variables of a run are limited to 1 MiB together. Keep large data elsewhere and store a reference.',
  ),
  RESULT_TOO_LARGE: entry(
    422,
    'validation',
    false,
    'A result is limited to 1 MiB. Return less, or store the data and return a reference.',
  ),
  INPUT_TOO_LARGE: entry(
    422,
    'validation',
    false,
    'The input of an action or a child is limited to 1 MiB. Pass a reference.',
  ),
  HISTORY_LIMIT: entry(
    422,
    'internal',
    false,
    'The history of the run is full, and the run cannot continue as new while a child or an action is running. Use detached children or fewer signals.',
  ),
  LOOP_LIMIT: entry(
    422,
    'validation',
    false,
    'The loop exceeded maxIterations. Raise it (at most 1,000,000) or fix the condition.',
  ),
  CONCURRENCY_LIMIT: entry(
    422,
    'validation',
    false,
    'At most 500 activities and children of one run may be open at once. Lower `concurrency`.',
  ),
  CHILD_TOO_DEEP: entry(
    422,
    'child',
    false,
    'A child is limited to 100 runs above it. Probably a definition calls itself without an end.',
  ),
  ITEMS_INVALID: entry(
    422,
    'validation',
    false,
    '`items` must return a value; null and undefined are errors. Use coalesce(items, []).',
  ),
  CONDITION_INVALID: entry(422, 'validation', false, 'A condition must return true or false.'),
  DURATION_INVALID: entry(
    422,
    'validation',
    false,
    'Use milliseconds, an ISO 8601 duration without months and years, or an instant with an offset.',
  ),
  CORRELATION_KEY_INVALID: entry(
    422,
    'validation',
    false,
    'A correlation key must be a non-blank string of at most 10,240 characters.',
  ),
  FILTER_VALUE_INVALID: entry(
    422,
    'validation',
    false,
    'The value of this filter fits no event. An expression that selects one item gives the item: write [items.id] for a list.',
  ),
  FAILED: entry(422, 'action', false, 'The definition failed this run on purpose; see its message.'),
  PARALLEL_FAILED: entry(422, 'internal', false, 'A branch failed; see details.'),
  ACTION_FAILED: entry(422, 'action', true, 'The action failed; see its message and details.'),
  ACTION_INPUT_INVALID: entry(422, 'action', false, "Send input that matches the action's schema."),
  ACTION_OUTPUT_INVALID: entry(
    422,
    'action',
    false,
    'The action returned an output that does not match its schema. Fix the action.',
  ),
  ACTION_TIMEOUT: entry(
    504,
    'timeout',
    true,
    'The action took longer than timeoutMs. Raise it, add a retry, or make the action faster.',
  ),
  WORKER_LOST: entry(
    500,
    'action',
    true,
    'Several workers in a row were lost while they ran this action: it probably kills them (memory, a crash of native code). See the log of the last one.',
  ),
  ACTION_WRITES_FAILED: entry(
    422,
    'action',
    false,
    'The database refused a write of the action, so it kept none of its writes; the message says which write and why.',
  ),
  ACTION_CANCELED: entry(
    409,
    'action',
    false,
    'The run, or the lane that called the action, was cancelled while the action ran. The action has stopped.',
  ),
  WAIT_TIMEOUT: entry(
    504,
    'wait',
    false,
    'No matching event arrived in time. Catch this code to handle the timeout.',
  ),
  CHILD_FAILED: entry(422, 'child', false, 'The child workflow failed; see details.'),
  CHILD_TIMEOUT: entry(504, 'child', false, 'The child workflow took longer than timeoutMs.'),
  CHILD_START_FAILED: entry(409, 'child', false, 'The child workflow could not be started; see the message.'),
  CHILD_TERMINATED: entry(
    422,
    'child',
    false,
    'The child workflow was cancelled or terminated from outside.',
  ),
  COMPENSATION_INVALID: entry(
    422,
    'validation',
    false,
    'The input of the compensation could not be evaluated when its step ended. Undo the step by hand, with the data in the dead letter, then dismiss the letter.',
  ),
  SECRET_NOT_FOUND: entry(
    422,
    'validation',
    false,
    'Provide the secret to the worker: see `secrets` in docs/configuration.md.',
  ),
  SECRET_FORBIDDEN: entry(
    403,
    'authorization',
    false,
    'Name a secret that belongs to the tenant and the definition, or let an operator add them to SLUICE_SECRET_GRANTS_FILE.',
  ),
  RUN_TIMEOUT: entry(504, 'timeout', false, 'The run took longer than the timeoutMs of its definition.'),
  UNAUTHORIZED: entry(403, 'authorization', false, 'A policy denies this action to the actor of the run.'),
  POLICY_INVALID: entry(
    500,
    'validation',
    false,
    'Fix the policies at the given places; `sluice policy check` shows what they would decide. See docs/authorization.md.',
  ),
  STATE_CORRUPT: entry(
    500,
    'internal',
    false,
    'The carried state of the run does not parse. Reset the run to an earlier point and report this.',
  ),
  SIGNAL_REJECTED: entry(
    400,
    'validation',
    false,
    'The run ignored the signal: its payload does not have the shape that docs/temporal.md describes.',
  ),

  // Events
  EVENT_INVALID: entry(
    400,
    'validation',
    false,
    'Send a CloudEvent 1.0 with JSON data, or the plain form of docs/events.md; every problem is listed.',
  ),
  EVENT_TOO_LARGE: entry(
    413,
    'validation',
    false,
    'An event is limited to 1 MiB. Store the data and send a reference.',
  ),
  EVENT_CONFLICT: entry(
    409,
    'validation',
    false,
    'Another event has this source and id. Give each event a separate id, and send one again only as it was.',
  ),
  EVENT_NOT_FOUND: entry(
    404,
    'validation',
    false,
    'The bridge has no event with that tenant, source and id.',
  ),
  EVENT_CHAIN_TOO_DEEP: entry(
    422,
    'validation',
    false,
    'Runs have started one another by events more often than SLUICE_EVENT_CHAIN_LIMIT allows: probably without an end. A retry of the dead letter begins a new chain.',
  ),
  EVENT_POISON: entry(
    422,
    'validation',
    false,
    'The message failed too often and is a dead letter now. Fix the cause that its reason gives, then publish it again.',
  ),
  TENANT_UNKNOWN: entry(
    404,
    'validation',
    false,
    'The tenant has no published definition, so nothing can wait for the event. Check the name of the tenant.',
  ),
  CORRELATION_UNRESOLVED: entry(
    422,
    'validation',
    false,
    'Send workflow_correlation_key, or configure SLUICE_EVENT_CORRELATION_PATHS_JSON for the event name; the paths tried are listed.',
  ),
  BRIDGE_SATURATED: entry(
    503,
    'internal',
    true,
    'The event bridge is full. Send the event again after the time in Retry-After.',
  ),
  BRIDGE_UNAVAILABLE: entry(
    503,
    'internal',
    true,
    'The event bridge cannot be reached. Check SLUICE_BRIDGE_URL and that `sluice bridge` runs.',
  ),
  BRIDGE_TOKEN_INVALID: entry(
    401,
    'authorization',
    false,
    'Send `Authorization: Bearer` with the value of SLUICE_BRIDGE_TOKEN, or with the token of a sender.',
  ),
  SENDER_FORBIDDEN: entry(
    403,
    'authorization',
    false,
    'Use the token of a sender that SLUICE_BRIDGE_TOKENS_FILE binds to this tenant, event and act.',
  ),
  REDIS_UNAVAILABLE: entry(503, 'internal', true, 'Redis cannot be reached. Check REDIS_URL and the server.'),
  REDIS_REFUSED: entry(
    503,
    'internal',
    true,
    'Redis answered, and refused a command; the message says why. READONLY: it is a replica, and Sluice connects again until REDIS_URL leads to the primary.',
  ),

  // http.request
  HTTP_STATUS_UNEXPECTED: entry(
    502,
    'action',
    true,
    'The server answered with a status that expectedStatus does not allow.',
  ),
  HTTP_TARGET_REFUSED: entry(
    403,
    'policy',
    false,
    'Loopback, link-local and private targets are refused. Allow the host in http.allowHosts of the worker config.',
  ),
  HTTP_RESPONSE_TOO_LARGE: entry(502, 'action', false, 'The response is larger than maxResponseBytes.'),
  HTTP_REQUEST_FAILED: entry(502, 'action', true, 'The server could not be reached; see the message.'),

  // Projections
  PROJECTION_CONFLICT: entry(
    409,
    'internal',
    false,
    'A row with the same key and different content exists. Two writers disagree: report this.',
  ),
  TRANSITION_ILLEGAL: entry(
    409,
    'internal',
    false,
    'The state machine has no such edge; see docs/state-machines.md.',
  ),
  DATABASE_UNAVAILABLE: entry(
    503,
    'internal',
    true,
    'The database cannot be reached. Check SURREAL_URL and the server.',
  ),
  DATABASE_LOCKED: entry(
    503,
    'internal',
    false,
    'Another process has the embedded store open. Stop it, or use a SurrealDB server.',
  ),
  CHANNEL_REFUSED: entry(
    502,
    'action',
    false,
    'The mail server or webhook refused the notification; see the message. Correct the address or the receiver.',
  ),
  CHANNEL_UNAVAILABLE: entry(
    502,
    'action',
    true,
    'The mail server or webhook could not take the notification now; it is tried again.',
  ),
  DATABASE_AUTH: entry(
    500,
    'internal',
    false,
    'The database refused the credentials. Check SURREAL_USER and SURREAL_PASS.',
  ),
  DATABASE_FAILED: entry(
    500,
    'internal',
    true,
    'A database statement failed; the message says which one and why.',
  ),
  SCHEMA_TOO_NEW: entry(
    500,
    'internal',
    false,
    'The database was migrated by a newer Sluice. Upgrade this one.',
  ),
  SCHEMA_MISSING: entry(
    503,
    'internal',
    true,
    'The database of a running process has no schema, or an older one. Finish the restore; if it shall begin empty, run `sluice migrate`.',
  ),
  DATABASE_OF_ANOTHER_TEMPORAL: entry(
    409,
    'internal',
    false,
    'Point the process to the Temporal that the database belongs to: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE. If that Temporal is gone for good, `sluice database move` says what moving the database does, and does it.',
  ),
  RETENTION_TOO_SHORT: entry(
    409,
    'validation',
    false,
    'Keep rows of runs for longer than Temporal keeps closed workflows: raise --days or SLUICE_RETENTION_DAYS. If Temporal has lost these histories for good, `sluice prune --history-gone` does not ask it.',
  ),
  WORKER_SHUTDOWN: entry(
    503,
    'internal',
    true,
    'The worker stopped before the action ended. Another worker repeats the attempt automatically.',
  ),
  SCHEMA_CHANGED: entry(
    500,
    'internal',
    false,
    'A migration is immutable once applied. Restore the file and put the change into a new migration.',
  ),
  IDEMPOTENCY_KEY_REUSED: entry(
    422,
    'validation',
    false,
    'This idempotency key was used for other work. Derive the key from what the call does, so that another input has another key.',
  ),
  IDEMPOTENCY_KEY_IN_FLIGHT: entry(
    409,
    'internal',
    true,
    'A request with this idempotency key has not been answered yet. Send it again after the time in Retry-After.',
  ),
  TENANT_BUSY: entry(
    503,
    'internal',
    true,
    'The tenant has as many actions in this worker as it may have at once. Temporal hands this one out again.',
  ),
  LEASE_HELD: entry(
    409,
    'internal',
    true,
    'Another worker is running the same attempt. Temporal retries this one automatically.',
  ),

  // Dead letters
  DEAD_LETTER_NOT_FOUND: entry(
    404,
    'validation',
    false,
    'List the dead letters: `sluice dead-letters list`.',
  ),
  DEAD_LETTER_CLOSED: entry(
    409,
    'validation',
    false,
    'Someone has retried or dismissed the dead letter, or is doing so now; `sluice dead-letters show ID` says who.',
  ),
  DEAD_LETTER_UNCONFIRMED: entry(
    409,
    'validation',
    false,
    "Temporal did not know the letter's run, which may still run elsewhere and undo this itself. Look for it, and retry with --history-gone (`historyGone`) once a person is sure that its history is gone.",
  ),
  DEAD_LETTER_NOT_RETRYABLE: entry(
    422,
    'validation',
    false,
    'The dead letter holds nothing that can run again. Fix the problem by hand, then dismiss the letter.',
  ),

  // Tasks of people
  CALENDAR_NOT_FOUND: entry(
    404,
    'validation',
    false,
    'The tenant has no such business calendar. `sluice calendars put` makes one; `sluice calendars list` shows them.',
  ),
  TASK_EXISTS: entry(
    409,
    'validation',
    false,
    'The tenant has, or has had, a task of that name. Ask under another name.',
  ),
  TASK_EXPIRED: entry(
    409,
    'validation',
    false,
    'The last deadline of the task passed, and its step says that this fails it. Catch the code, or ask again.',
  ),
  TASK_WITHDRAWN: entry(
    409,
    'validation',
    false,
    'Someone cancelled the workflow of the task. Rewind the run to the step to ask again.',
  ),
  TASK_NOT_FOUND: entry(
    404,
    'validation',
    false,
    'The tenant has no task of that name. `sluice tasks list` shows those that it has.',
  ),
  TASK_CLOSED: entry(409, 'validation', false, 'The task has ended, and nothing opens it again.'),
  TASK_ACTION_ILLEGAL: entry(
    409,
    'validation',
    false,
    'The task does not have that action in its status; docs/tasks.md has the table.',
  ),
  TASK_CLAIMED: entry(
    409,
    'validation',
    true,
    'Another person has claimed the task. Wait until the claim ends, or have the task reassigned.',
  ),
  TASK_FORBIDDEN: entry(
    403,
    'authorization',
    false,
    'Act as a person whom the task is assigned to and does not exclude.',
  ),

  // HTTP API
  UNAUTHENTICATED: entry(
    401,
    'authorization',
    false,
    'Send `Authorization: Bearer` with a key that `sluice api key` made, or with a JWT of the configured issuer.',
  ),
  FORBIDDEN: entry(
    403,
    'authorization',
    false,
    'Use a token whose roles allow this; docs/api.md says which role may do what.',
  ),
  TENANT_FORBIDDEN: entry(
    403,
    'authorization',
    false,
    'Send a tenant of the token in the header Sluice-Tenant, or use a token of that tenant.',
  ),
  ROUTE_NOT_FOUND: entry(404, 'validation', false, '/docs and /openapi.json list the routes.'),
  METHOD_NOT_ALLOWED: entry(405, 'validation', false, 'Use a method that the header Allow names.'),
  REQUEST_TOO_LARGE: entry(
    413,
    'validation',
    false,
    'Send a smaller body. Keep large data elsewhere and send a reference.',
  ),
  REQUEST_TIMEOUT: entry(408, 'validation', true, 'Send the whole request within 30 s.'),
  REQUEST_HEADER_TOO_LARGE: entry(
    431,
    'validation',
    false,
    'Path, query and headers are limited to 16 KiB together. Send fewer or shorter ones.',
  ),
  MEDIA_TYPE_UNSUPPORTED: entry(
    415,
    'validation',
    false,
    'Send the content type that the route documents: application/json or, for definitions, application/yaml.',
  ),
  RATE_LIMITED: entry(
    429,
    'policy',
    true,
    'The token has used up its requests. Retry after the time in Retry-After, or raise SLUICE_API_RATE.',
  ),
  IDENTITY_PROVIDER_UNAVAILABLE: entry(
    503,
    'internal',
    true,
    'The keys of the token issuer cannot be fetched. Check SLUICE_API_JWT_JWKS_URL and the issuer.',
  ),
  NOT_READY: entry(
    503,
    'internal',
    true,
    'A service that the API depends on is away; the answer lists which.',
  ),
  API_UNAVAILABLE: entry(
    503,
    'internal',
    true,
    'The API cannot be reached. Check SLUICE_API_URL and that `sluice api` or `npm start` runs.',
  ),

  // Control from outside
  WORKFLOW_NOT_FOUND: entry(
    404,
    'validation',
    false,
    'Temporal has no such workflow in this namespace. Check the workflow id and TEMPORAL_NAMESPACE.',
  ),
  RUN_CLOSED: entry(
    409,
    'validation',
    false,
    'The run has ended. Re-run it (`sluice runs rerun ID`), or rewind it to a step (`sluice runs rewind ID`).',
  ),
  RUN_ERASED: entry(
    410,
    'validation',
    false,
    'The values of the run were erased (`sluice erase`). Its rows say that it was, when and by whom; nothing brings its values back.',
  ),
  ERASURE_TOO_EARLY: entry(
    409,
    'validation',
    true,
    'Something of it is still under way: an event that is routed or not sent yet, or a dead letter that is retried. Nothing was erased by this call after it noticed; wait, and erase again.',
  ),
  ERASURE_UNFINISHED: entry(
    503,
    'internal',
    true,
    'Temporal still shows an execution that it was asked to delete. Erase again: what is erased stays so.',
  ),
  RUN_NOT_FOUND: entry(
    404,
    'validation',
    false,
    'This tenant has no such run. Check the run id (not the workflow id) and the tenant. A run has a row once a worker has begun it.',
  ),
  RUN_OPEN: entry(
    409,
    'validation',
    false,
    'The run has not ended. Cancel it first, or allow both to run at once (whileOpen, `--while-open`).',
  ),
  RUN_RERUN: entry(
    409,
    'validation',
    false,
    'The run has been re-run already, so it was skipped. Look at the re-run; `--rerun-too` (rerunToo) does it once more.',
  ),
  RERUN_PAYLOAD_GONE: entry(
    409,
    'validation',
    false,
    'The original payload is no longer available here. Re-run the run where the database can be read, or pass a payload (`--payload`).',
  ),
  REWIND_NOT_POSSIBLE: entry(
    409,
    'validation',
    false,
    'The run cannot be rewound to that step. The message says why; the details list the steps that it can be rewound to.',
  ),
  REWIND_CONFLICT: entry(
    409,
    'validation',
    false,
    'Another rewind of the same run came first. Look at the run (`sluice runs show ID`) and rewind it again if necessary.',
  ),
  READS_NOT_CONFIGURED: entry(
    500,
    'validation',
    false,
    'Configure where the client reads runs: `reads: projections.reads` where the database can be opened, `reads: apiReads({ url, token })` elsewhere. On the command line: SLUICE_API_URL, or SURREAL_URL of a server.',
  ),
  BUNDLE_INVALID: entry(
    422,
    'validation',
    false,
    'The file is not a bundle, or it was changed after its export. Export the run again.',
  ),
  RUN_CANCELED: entry(409, 'internal', false, 'The run was cancelled before it had a result.'),
  RUN_TERMINATED: entry(
    409,
    'internal',
    false,
    'The run was terminated from outside before it had a result.',
  ),
  RUN_TIMED_OUT: entry(
    504,
    'timeout',
    false,
    'The run took longer than the Temporal timeout that it was started with.',
  ),
  WORKFLOW_ALREADY_STARTED: entry(
    409,
    'validation',
    false,
    'A workflow with that id is running. Choose another id.',
  ),
  WORKFLOW_ID_FOREIGN: entry(
    409,
    'validation',
    false,
    'That workflow id is kept for a run of another tenant, or for one that an event or a step starts. Choose another id.',
  ),
  CLAIM_INVALID: entry(
    403,
    'authorization',
    false,
    "Start, signal and publish through Sluice's client, API or command line with the ring of claim keys of the workers (docs/claims.md).",
  ),
  SEARCH_ATTRIBUTE_MISSING: entry(
    500,
    'validation',
    false,
    'Register the search attributes with the command in the message, then start the worker again.',
  ),
  OUTCOME_UNKNOWN: entry(
    504,
    'internal',
    true,
    'The answer was lost, so it may have happened, or may still happen. Look first; the details name what to look for. Asking again with the same ids is harmless.',
  ),
  TEMPORAL_UNAVAILABLE: entry(
    503,
    'internal',
    true,
    'The Temporal server cannot be reached. Check TEMPORAL_ADDRESS.',
  ),
  SCHEDULE_REFUSED: entry(
    422,
    'validation',
    false,
    'Temporal refused a schedule of the definition, so nothing was published. The message says why: fix the trigger.',
  ),
  PUBLISH_UNFINISHED: entry(
    504,
    'internal',
    true,
    'A worker is still at it and goes on. Look again, or publish the same document again: that changes nothing.',
  ),
  CLOCK_SKEW: entry(
    503,
    'internal',
    false,
    'Synchronise the clocks of all machines with NTP (`timedatectl status`, `chronyc tracking`).',
  ),
  TEMPORAL_NAMESPACE_NOT_FOUND: entry(
    404,
    'validation',
    false,
    'Set TEMPORAL_NAMESPACE to a namespace of that server, or create it: `temporal operator namespace create NAME`.',
  ),
  WORKER_NOT_FOUND: entry(
    503,
    'internal',
    true,
    'No worker answers on the task queue. Start one (`npm start`), or check SLUICE_TASK_QUEUE and TEMPORAL_NAMESPACE.',
  ),
  TEMPORAL_SERVER_NOT_FOUND: entry(
    503,
    'internal',
    false,
    'Set TEMPORAL_ADDRESS to a running server, or install the `temporal` command (docs.temporal.io/cli) on PATH or name it in TEMPORAL_CLI_PATH.',
  ),
  SURREAL_SERVER_NOT_FOUND: entry(
    503,
    'internal',
    false,
    'Install the `surreal` command, version 3 (surrealdb.com/install), on PATH or name it in SURREAL_CLI_PATH.',
  ),
  WORKFLOW_TEMPORAL_CANCEL_FAILED: entry(
    409,
    'internal',
    true,
    'Temporal did not accept the cancellation; nothing was changed. Try again when it is reachable.',
  ),
  WORKFLOW_TEMPORAL_TERMINATE_FAILED: entry(
    409,
    'internal',
    true,
    'Temporal did not accept the termination; nothing was changed. Try again when it is reachable.',
  ),
  WORKFLOW_TEMPORAL_RESET_FAILED: entry(
    409,
    'internal',
    true,
    'Temporal did not accept the reset; nothing was changed. The cause says why; try again once it is fixed.',
  ),
  WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED: entry(
    409,
    'validation',
    false,
    'Temporal alone controls execution. docs/support-posture.md says what to do instead.',
  ),
  INTERNAL: entry(500, 'internal', false, 'This is a defect in Sluice. Report it with the message.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

const CODE = /^[A-Z][A-Z0-9_]*$/;

/** True for a string shaped like an error code: `[A-Z][A-Z0-9_]*`. */
export function isErrorCode(value: unknown): value is string {
  return typeof value === 'string' && CODE.test(value);
}

/** The table's entry for a code; undefined for a code that an action defines. */
export function errorEntry(code: string): ErrorEntry | undefined {
  return Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode] : undefined;
}

export interface SluiceErrorOptions {
  /** JSON details, for programs. */
  readonly details?: Json;
  readonly cause?: unknown;
  /** Overrides the table. A code that an action defines is retryable by default. */
  readonly retryable?: boolean;
  readonly category?: ErrorCategory;
}

/** An error with a code of the table, or with a code that an action defines. */
export class SluiceError extends Error {
  override readonly name = 'SluiceError';
  readonly code: string;
  readonly details: Json | undefined;
  readonly retryable: boolean;
  readonly category: ErrorCategory;

  /**
   * @param code a code of the table, or one that an action defines, shaped `[A-Z][A-Z0-9_]*`
   * @param message what happened, with the names and values that the reader needs
   */
  constructor(code: ErrorCode | (string & {}), message: string, options: SluiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const inTable = errorEntry(code);
    this.code = code;
    this.details = options.details;
    this.retryable = options.retryable ?? inTable?.retryable ?? true;
    this.category = options.category ?? inTable?.category ?? 'action';
  }

  /** What the reader can do about it, from the table. */
  get help(): string | undefined {
    return errorEntry(this.code)?.help;
  }

  /** HTTP status from the table; 422 for a code that an action defines. */
  get status(): number {
    return errorEntry(this.code)?.status ?? 422;
  }
}

/**
 * Turns anything thrown into a `SluiceError`. A `SluiceError` passes as it is; anything else becomes the
 * fallback code, with the original as its cause.
 */
export function toSluiceError(thrown: unknown, fallback: ErrorCode = 'INTERNAL'): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const message =
    thrown instanceof Error ? thrown.message : typeof thrown === 'string' ? thrown : JSON.stringify(thrown);
  return new SluiceError(fallback, message, { cause: thrown });
}

/** The message of anything thrown: an error's own, or the value as text. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** An error as a run sees it: in `error` of a catch branch, in the step's row and in the run's row. */
export const RunError = z.object({
  code: z.string(),
  message: z.string(),
  category: ErrorCategory,
  stepPath: z.string().nullable(),
  /** ISO instant. */
  at: z.string(),
  attempt: z.number().int(),
  details: JsonValue.nullable(),
});
export type RunError = z.infer<typeof RunError>;

/**
 * The second detail of a run's failure, next to its error. A run that called this one as its child reads it
 * to decide on a retry.
 */
export const RunFailureDetails = z.object({ retryable: z.boolean() });
export type RunFailureDetails = z.infer<typeof RunFailureDetails>;
