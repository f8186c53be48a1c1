/**
 * Sluice's limits. Each is below a limit of Temporal. Exceeding Temporal's would terminate the run or retry
 * its task without end, past every catch and compensation (docs/limits.md). Sizes are bytes of UTF-8 JSON.
 */
const KIB = 1024;

export const LIMITS = {
  /** A definition document. */
  definitionBytes: 512 * KIB,
  /**
   * All variables of a run together. Also the input or result of an activity, and a run's payload and result.
   */
  stateBytes: 1024 * KIB,
  /**
   * What a run carries into its next execution, as far as it grows with the author's data. Temporal takes
   * 2 MiB; the rest is for remembered event ids, the newest lines of progress and run events that are not
   * committed yet.
   */
  carriedBytes: 1_600_000,
  /** Output of one expression. */
  expressionBytes: 256 * KIB,
  /** Levels of nesting of a payload or an event: code that walks a deeper value overflows its stack. */
  depth: 500,
  /** A larger payload commits in a separate activity before the first step. */
  ridingPayloadBytes: 32 * KIB,
  /** A larger value is stored next to its row as a blob. */
  inlineBytes: 256 * KIB,
  /** JSON of a business calendar: each task that counts by it keeps it. */
  calendarBytes: 64 * KIB,
  /** Activities and children that one run may have open at once; also the maximum of `concurrency`. */
  concurrency: 500,
  /**
   * Local activities that one run may have open at once, and bytes of the result of one. All of them may end
   * in one workflow task, which Temporal limits to 4 MB.
   */
  localConcurrency: 8,
  localResultBytes: 256 * KIB,
  /** Priorities that a definition may choose unless the operator says otherwise: none before the default. */
  priorities: { first: 3, last: 5 },
  /** Runs above a child. */
  childDepth: 100,
  /** Runs that events start in a chain, by default; the bridge's configuration may say otherwise. */
  eventChain: 32,
  /** Iterations of control.while: default and maximum. */
  whileDefault: 1_000,
  whileMost: 1_000_000,
  /** Events that a run keeps for waits that have not opened yet. */
  bufferedEvents: 1_000,
  /**
   * Bytes of all buffered events. A larger event is never buffered: a run gets it from its audit row when a
   * wait takes it.
   */
  bufferedBytes: 256 * KIB,
  /** Event ids (source and id) that a run remembers as seen. */
  rememberedEventIds: 5_000,
  /** Lanes of one run. At the limit, nested loops start theirs one after the other. */
  lanes: 1_000,
  /** A correlation key. */
  correlationKeyCharacters: 10_240,
  /** Id and source of an event. */
  eventIdCharacters: 1_024,
  /** Name of an event. */
  eventNameCharacters: 256,
  /** One event on its way to the bridge, bytes; a larger one is refused (HTTP 413). */
  eventBytes: 1024 * KIB,
  /** Body of a request to the HTTP API: a payload of `stateBytes` and what surrounds it. */
  requestBytes: 1280 * KIB,
  /**
   * Payload of an event that a run publishes. With names, ids and a long key it still fits `bufferedBytes`.
   */
  publishedBytes: 208 * KIB,
  /** Events from before a wait that one look-back sends, and their bytes, which the run's history holds. */
  missedEvents: 1_000,
  missedBytes: 4 * KIB * KIB,
  /** Those of them that no wait is known to take yet: what half of an empty buffer holds. */
  prefetchedEvents: 500,
  prefetchedBytes: 128 * KIB,
  /** Clock skew between bridge and Temporal that an open wait tolerates, ms. */
  clockSkewMs: 5_000,
  /** Events of one batch over HTTP. */
  batchEvents: 1_000,
  /** Characters of a summary: Temporal refuses one over 400 bytes. */
  summaryCharacters: 90,
  /** Keys in the keyword-list search attribute. */
  correlationKeys: 32,
  /** Interpreter steps in one workflow task before it yields with a zero timer. */
  stepsPerTask: 1_000,
  /** Expression work (steps of the engine) in one workflow task before it yields. */
  expressionStepsPerTask: 2_000_000,
  /** Expression work of all triggers of one event; one expression has at most 4,000,000 steps. */
  triggerExpressionSteps: 20_000_000,
  /** Bytes of commands that one workflow task may add before it yields. */
  bytesPerTask: 1024 * KIB,
  /** Default timeout of one attempt of an action, ms. */
  actionTimeoutMs: 300_000,
  /** Time that an activity may go without a worker that has its action, ms; then it fails. */
  missingActionMs: 600_000,
  /** Workers that one attempt of an action may lose in a row; then it fails. */
  lostWorkers: 3,
  /** Default heartbeat timeout of an action, ms: Temporal notices a lost worker after it. */
  actionHeartbeatMs: 10_000,
  /** Local steps (local activities, yields) after which a run continues as new. */
  localSteps: 5_000,
  /**
   * History length at which lanes stop starting work and the run continues as new, unless the server suggests
   * it earlier.
   */
  historyEvents: 10_000,
  /**
   * History length past which a run that can't continue as new fails with HISTORY_LIMIT. Temporal's limit:
   * 51,200.
   */
  historyEventsMost: 40_000,
  /** History bytes for the same two purposes. Temporal's limit: 50 MiB. */
  historyBytes: 10 * KIB * KIB,
  historyBytesMost: 40 * KIB * KIB,
} as const;
