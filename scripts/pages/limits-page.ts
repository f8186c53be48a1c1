/**
 * docs/limits.md: the limits of the code, and what becomes of what exceeds them.
 *
 * Invariant: every number of `LIMITS` on the page comes from there, and every limit there is on the page or
 * in `UNSEEN`; a test holds that.
 */
import { LIMITS } from '../../contracts/limits.js';
import { CHECK_POOL } from '../../definitions/bounded.js';

type Name = keyof typeof LIMITS;

/** Sizes that decide how something is stored or sent, and refuse nothing. */
export const UNSEEN: readonly Name[] = ['ridingPayloadBytes'];

const KIB = 1_024;
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** A limit as people write it; its unit is the end of its name. */
function written(name: Name): string {
  const limit = LIMITS[name];
  if (typeof limit !== 'number') return `${limit.first} to ${limit.last}`;
  const plain = limit.toLocaleString('en');
  if (/bytes/i.test(name)) {
    if (limit % (KIB * KIB) === 0) return `${limit / KIB / KIB} MiB`;
    return limit % KIB === 0 ? `${limit / KIB} KiB` : `${plain} bytes`;
  }
  if (!name.endsWith('Ms')) return plain;
  return limit % MINUTE_MS === 0 ? `${limit / MINUTE_MS} minutes` : `${limit / SECOND_MS} s`;
}

/**
 * The page.
 * @param the called with each limit that the page names; returns its text
 */
export function limitsPage(note: string, the: (name: Name) => string = written): string {
  return `# Limits

${note}

Exceeding some of Temporal's limits ends a run past every catch and compensation, or retries its workflow
task without end. In each case Sluice checks a lower limit first and makes it an error with a code, which a
definition can catch ([limits-are-errors](invariants.md#limits-are-errors)). The numbers are in
\`contracts/limits.ts\`; sizes are bytes of UTF-8 JSON.

| what | what Temporal does | Sluice's limit | what happens then |
| --- | --- | --- | --- |
| all variables of a run | terminates the run at 2 MB | ${the('stateBytes')}, checked when a value is assigned | \`STATE_TOO_LARGE\`, catchable; nothing was assigned |
| carried state: variables, loop items and results, lanes' writes, buffered events, the definition | terminates the run at 2 MB | ${the('carriedBytes')} in all, checked before anything grows | \`STATE_TOO_LARGE\`, catchable |
| input of an action or a child | terminates the run at 2 MB | ${the('stateBytes')} | \`INPUT_TOO_LARGE\`, catchable; nothing was started |
| result of an action | terminates the run at 2 MB | ${the('stateBytes')}; ${the('localResultBytes')} with \`local: true\` | \`RESULT_TOO_LARGE\`, catchable |
| result of a run, details of a \`control.fail\` | terminates the run at 2 MB | ${the('stateBytes')} | \`RESULT_TOO_LARGE\` |
| payload of a start | refuses it at 2 MB | ${the('stateBytes')} | \`PAYLOAD_INVALID\` |
| output of one expression | | ${the('expressionBytes')}; a bare path (\`vars.order\`) hands on what is kept | \`EXPRESSION_TOO_LARGE\`, catchable |
| commands and local results of one workflow task | retries the task without end at 4 MB | a task ends after ${the('bytesPerTask')} or ${the('stepsPerTask')} steps (with a flush, or a timer of 1 ms); at most ${the('localConcurrency')} local actions at once | goes on in the next task |
| expressions of all triggers of one event | | ${the('triggerExpressionSteps')} steps; the bridge answers others between two definitions | \`EXPRESSION_BUDGET\`, for the triggers past it |
| time of one workflow task | retries the task after 10 s; the SDK aborts the process at 5 s, which Sluice raises to 5 minutes | the expression budget, a yield after ${the('expressionStepsPerTask')} expression steps, and a bounded number of tasks at once in a worker (\`SLUICE_WORKER_WORKFLOW_TASKS\`), because they share a thread | \`EXPRESSION_BUDGET\`, catchable, or goes on |
| open activities of a run | retries the task without end at 2,000 | ${the('concurrency')}; more wait for a free slot | waits |
| open children of a run | retries the task without end at 2,000 | ${the('concurrency')}, detached ones included | \`CONCURRENCY_LIMIT\`, catchable |
| runs above a child | nothing: a definition that calls itself never ends | ${the('childDepth')} | \`CHILD_TOO_DEEP\`, catchable |
| runs that events of one another start in a chain | nothing | \`SLUICE_EVENT_CHAIN_LIMIT\`, by default ${the('eventChain')} ([events.md](events.md#what-runs-publish)). It bounds how long a chain is, not how many runs one event starts | \`EVENT_CHAIN_TOO_DEEP\`: a [dead letter](dead-letters.md), whose retry begins a new chain |
| \`SluiceCorrelationKeys\` | terminates the run at 2,048 bytes | ${the('correlationKeys')} keys, each as 32 hex digits of a digest | the rest is in the wait table only |
| a search attribute that is not registered | retries the task without end | checked when a worker starts | the worker does not start, and prints the command to run |
| a history of 51,200 events or 50 MiB | terminates the run | continue-as-new when the server suggests it, at ${the('historyEvents')} events, at ${the('historyBytes')}, or after ${the('localSteps')} local steps | invisible to the definition |
| the same history, if a child that is waited for keeps the run from continuing as new | terminates the run | ${the('historyEventsMost')} events or ${the('historyBytesMost')} | the step fails with \`HISTORY_LIMIT\`, catchable; the child is cancelled |
| a summary in the timeline | retries the task without end at 400 bytes | cut to ${the('summaryCharacters')} characters | |
| events that no wait has taken yet | | ${the('bufferedEvents')} and ${the('bufferedBytes')}; what does not fit is returned to its audit row, the newest first | \`EVENT_DROPPED\` with \`returned\`; a later wait gets it. An event that no bridge recorded becomes a [dead letter](dead-letters.md), the oldest first |
| one event to a run | terminates a run with a history of 50 MiB | ${the('eventBytes')}, as for every event of the bridge. One over ${the('bufferedBytes')} is never buffered: it stays in its audit row until a wait that it fits takes it | \`EVENT_DROPPED\` (\`too_large\`) with \`returned\`; the wait that is open, or a later one, gets it. An event over ${the('bufferedBytes')} that no bridge recorded goes to a wait that is open; otherwise it becomes a [dead letter](dead-letters.md). Over ${the('eventBytes')} it becomes one without its payload |
| an event in a run, and what is assigned of it | | both count as carried state, until the next event of that lane | \`STATE_TOO_LARGE\`, catchable, in the wait |
| events from before a wait that are sent to it | terminates a run with a history of 50 MiB | the one that the wait takes, and what half of the buffer holds (${the('prefetchedEvents')} and ${the('prefetchedBytes')}), the oldest first; at most ${the('missedEvents')} and ${the('missedBytes')} | the others are sent when the next wait opens |
| ids of events that a run remembers | | ${the('rememberedEventIds')}; the oldest goes | What the bridge or a look-back would send again and the run may have forgotten is looked up in its log: it is not taken twice. A Temporal client that sends the same event after so many others sends it anew |
| a definition | | ${the('definitionBytes')} | \`DEFINITION_TOO_LARGE\` |
| one check of a payload or a definition | | in a thread with ${CHECK_POOL.memoryMb} MiB, ${CHECK_POOL.tryMs.map((ms) => `${ms / SECOND_MS} s`).join(', and once more for ')} in a new thread; nothing else waits for it. What is short by its lengths is checked at once | \`CHECK_LIMIT\` for that run, event or request |
| iterations of a \`control.while\` | | \`maxIterations\`, by default ${the('whileDefault')}, at most ${the('whileMost')} | \`LOOP_LIMIT\`, catchable |
| levels of a payload or an event | | ${the('depth')} | \`PAYLOAD_INVALID\`, \`EVENT_INVALID\`; a signal is SIGNAL_REJECTED |
| lanes of a run: branches and iterations at once | | ${the('lanes')} | nested loops start theirs one after the other |
| what one wait compares with; details of an error | | ${the('inlineBytes')} | \`INPUT_TOO_LARGE\`, \`RESULT_TOO_LARGE\`, catchable |
| a correlation key | | ${the('correlationKeyCharacters')} characters | \`CORRELATION_KEY_INVALID\`; \`EVENT_INVALID\` |
| a business calendar | | ${the('calendarBytes')} | \`INPUT_INVALID\` |
| id and source of an event; its name | | ${the('eventIdCharacters')} characters each; ${the('eventNameCharacters')} | \`EVENT_INVALID\` |
| an event on its way to the bridge | | ${the('eventBytes')} | \`EVENT_TOO_LARGE\` |
| events of one batch over HTTP | | ${the('batchEvents')} | \`EVENT_INVALID\` |
| payload of an event that a run publishes | | ${the('publishedBytes')} | \`INPUT_TOO_LARGE\`, catchable |
| body of a request to the API | | ${the('requestBytes')} | \`REQUEST_TOO_LARGE\` |
| clock skew of the bridge that an open wait tolerates | | ${the('clockSkewMs')} | an older event may be taken for one from before the wait |
| one attempt of an action | | by default ${the('actionTimeoutMs')}; without a heartbeat ${the('actionHeartbeatMs')} | \`ACTION_TIMEOUT\`, catchable; a lost worker's attempt is done again |
| workers that one attempt loses in a row | retries it without end | ${the('lostWorkers')} | \`WORKER_LOST\`, catchable |
| time without a worker that has the action | waits without end | ${the('missingActionMs')}, or \`SLUICE_MISSING_ACTION_MS\` | \`ACTION_NOT_FOUND\`, catchable |
| priorities that a definition may choose | | ${the('priorities')}, unless the operator says otherwise | the nearest that is allowed |
`;
}
