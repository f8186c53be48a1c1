/**
 * Sluice's own limits. Each is below one of Temporal's, whose overrun would terminate the run or retry its
 * task for ever, past every catch and compensation (docs/limits.md). Sizes are bytes of UTF-8 JSON.
 */
const KIB = 1024;

export const LIMITS = {
  /** A definition document. */
  definitionBytes: 512 * KIB,
  /** All variables of a run together; also one activity's input or result, a run's payload and result. */
  stateBytes: 1024 * KIB,
  /** Output of one expression. */
  expressionBytes: 256 * KIB,
  /** Nesting of a payload and of an event: deeper ones would overflow the stack of whatever reads them. */
  depth: 500,
  /** A payload over this is committed by an activity of its own before the first step. */
  ridingPayloadBytes: 32 * KIB,
  /** A value over this is stored beside its row as a blob. */
  inlineBytes: 256 * KIB,
  /** Activities and children that one run may have open at once; also the most for `concurrency`. */
  concurrency: 500,
  /** Local activities that one run may have open at once, and bytes of the result of one: all of them may end in one workflow task, of which Temporal takes 4 MB. */
  localConcurrency: 8,
  localResultBytes: 256 * KIB,
  /** Loop iterations of control.while: default and most. */
  whileDefault: 1_000,
  whileMost: 1_000_000,
  /** Events that a run keeps for waits that are still to open. */
  bufferedEvents: 1_000,
  /** Bytes of all buffered events; the oldest goes first. Also the most of one event. */
  bufferedBytes: 256 * KIB,
  /** Event ids (source + id) that a run remembers as seen. */
  rememberedEventIds: 5_000,
  /** Lanes of one run, beyond which nested loops start theirs one after the other. */
  lanes: 1_000,
  /** A correlation key. */
  correlationKeyCharacters: 10_240,
  /** Id and source of an event. */
  eventIdCharacters: 1_024,
  /** Name of an event. */
  eventNameCharacters: 256,
  /** One event on its way to the bridge, bytes; more is refused (HTTP 413). */
  eventBytes: 1024 * KIB,
  /** Body of a request to the HTTP API: a payload of `stateBytes` with what stands around it. */
  requestBytes: 1280 * KIB,
  /** Payload of an event that a run publishes: with names, ids and a long key, what a run could still take. */
  publishedBytes: 208 * KIB,
  /** Events from before a wait that are handed to its run when it opens, oldest first; later ones are not. */
  missedEvents: 1_000,
  /** Bytes of them: they stand in the run's history. */
  missedBytes: 4 * KIB * KIB,
  /** How far the clocks of a bridge and of Temporal may be apart for an event that comes to an open wait, ms. */
  clockSkewMs: 5_000,
  /** Keys in the keyword-list search attribute. */
  correlationKeys: 32,
  /** Interpreter steps in one workflow task before it yields with a zero timer. */
  stepsPerTask: 1_000,
  /** Expression work (the engine's own steps) in one workflow task before it yields. */
  expressionStepsPerTask: 2_000_000,
  /** Bytes of commands that one workflow task may add before it yields. */
  bytesPerTask: 1024 * KIB,
  /** Default time of one attempt of an action, ms. */
  actionTimeoutMs: 300_000,
  /** Default heartbeat interval limit of an action, ms: a lost worker is noticed after this. */
  actionHeartbeatMs: 10_000,
  /** Local steps (local activities, yields) after which a run continues as new. */
  localSteps: 5_000,
  /** History length at which lanes stop starting work and the run continues as new, where the server does not suggest it earlier. */
  historyEvents: 10_000,
  /** History length past which a run that cannot continue as new fails with HISTORY_LIMIT; Temporal's own is 51,200. */
  historyEventsMost: 40_000,
  /** History bytes for the same two purposes; Temporal's own is 50 MiB. */
  historyBytes: 10 * KIB * KIB,
  historyBytesMost: 40 * KIB * KIB,
} as const;
