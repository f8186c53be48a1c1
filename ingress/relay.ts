/**
 * The outgoing relay: sends the events that steps published from the outbox to the bus.
 *
 * Invariants
 * - Published at least once: a row is settled after the bus has accepted its event. A crash in between sends
 *   the event again, under the same id.
 * - In order within a run: position n is sent after n - 1. A position that is missing, because its commit
 *   comes later, or whose row cannot be read, holds back those behind it, and no other run.
 * - What a run publishes again after a reset has the id of the first time. Is its content another one, the
 *   first one stands: the row is settled, and the conflict is on the row of the event and on its own.
 * - One relay sends at a time: it holds a lease in the database. The others stand by, and take over when it
 *   ends.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type SluiceError, toSluiceError } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';
import type { Cursor, OutboxRow, Projections } from '../projections/index.js';
import { isAway, isOfRedis, type Availability } from './routing/availability.js';
import type { BridgeMetrics } from './routing/metrics.js';

const IDLE_MS = 100;
const LEASE_MS = 10_000;
/** The rest of a lease in which no new run is begun. */
const LEASE_MARGIN_MS = LEASE_MS / 2;
const STANDBY_MS = 1_000;
const PAGE = 500;
/** Refusals by the bus after which an event is a dead letter; while the bus is away, none is counted. */
const MOST_REFUSALS = 10;

export interface RelayOptions {
  readonly projections: Pick<Projections, 'events' | 'deadLetters'>;
  readonly availability: Availability;
  readonly metrics: Pick<BridgeMetrics, 'outbox' | 'outboxLeft' | 'outboxSince' | 'deadLetters'>;
  /**
   * Puts an event on the bus.
   * @param again whether its run has published at this position before
   * @throws SluiceError EVENT_CONFLICT where the event was recorded with other content
   */
  readonly send: (envelope: Json, again: boolean) => Promise<void>;
  /** The name of this process in the lease. */
  readonly holder: string;
  readonly onError: (error: SluiceError) => void;
}

/** What is due and not sent. */
type Waiting = { readonly createdAt: Date | undefined };

export class Relay {
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(private readonly options: RelayOptions) {}

  start(): void {
    this.#running = this.#work();
  }

  /** Stops after the event that is being sent, and gives up the lease. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    const { projections, holder } = this.options;
    try {
      await projections.events.takeRelayLease(holder, 0);
    } catch (error) {
      this.options.onError(toSluiceError(error));
    }
  }

  async #work(): Promise<void> {
    const { projections, availability, holder } = this.options;
    while (!this.#stop.signal.aborted) {
      let pause = IDLE_MS;
      try {
        await availability.whenAvailable();
        const now = Date.now();
        if (!(await projections.events.takeRelayLease(holder, LEASE_MS))) {
          pause = STANDBY_MS;
          this.#showLeft(new Set());
        } else if ((await this.#sendDue(now + LEASE_MS)) > 0) {
          pause = 0;
        }
      } catch (thrown) {
        const error = toSluiceError(thrown);
        if (isAway(error) && !isOfRedis(error)) availability.note(error);
        else this.options.onError(error);
        pause = STANDBY_MS;
      }
      if (pause > 0) await wait(pause, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  /**
   * Sends all that is due while the lease holds.
   * @returns the number of events sent
   */
  async #sendDue(until: number): Promise<number> {
    const left = new Set<Waiting>();
    let sent = 0;
    try {
      for (let after: Cursor | undefined; ;) {
        const { items, unreadable, next } = await this.options.projections.events.dueOutbox(after, PAGE);
        for (const createdAt of unreadable) left.add({ createdAt });
        for (const row of items) left.add(row);
        for (const rowsOfRun of byRun(items)) {
          if (this.#stop.signal.aborted || Date.now() > until - LEASE_MARGIN_MS) return sent;
          sent += await this.#trySendRun(rowsOfRun, (row) => left.delete(row));
        }
        if (next === undefined) return sent;
        after = next;
      }
    } finally {
      this.#showLeft(left);
    }
  }

  /** Shows what is due still, as far as this turn has looked. */
  #showLeft(left: ReadonlySet<Waiting>): void {
    const { metrics } = this.options;
    const times = [...left].flatMap(({ createdAt }) =>
      createdAt === undefined ? [] : [createdAt.getTime()],
    );
    metrics.outboxLeft.set(left.size);
    metrics.outboxSince.at = times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b));
  }

  /** The same for one run: a failure that is not that of a service stops no other run. */
  async #trySendRun(rows: readonly OutboxRow[], settled: (row: OutboxRow) => unknown): Promise<number> {
    try {
      return await this.#sendRun(rows, settled);
    } catch (thrown) {
      const error = toSluiceError(thrown);
      if (isAway(error)) throw error;
      this.options.onError(error);
      return 0;
    }
  }

  /** Sends what one run published, up to the first missing position. */
  async #sendRun(rows: readonly OutboxRow[], settled: (row: OutboxRow) => unknown): Promise<number> {
    let head = rows[0]?.sent ?? 0;
    let sent = 0;
    for (const row of rows) {
      const position = row.key[2];
      if (position > head + 1) return sent;
      if (!(await this.#sendOne(row, position <= head))) return sent;
      settled(row);
      head = Math.max(head, position);
      sent++;
    }
    return sent;
  }

  async #sendOne(row: OutboxRow, again: boolean): Promise<boolean> {
    const { metrics, projections } = this.options;
    const { events, deadLetters } = projections;
    try {
      await this.options.send(row.envelope, again);
    } catch (thrown) {
      const error = toSluiceError(thrown);
      if (isAway(error)) throw error;
      const reason = `${error.code}: ${error.message}`;
      this.options.onError(error);
      if (error.code === 'EVENT_CONFLICT') {
        await events.settleOutbox(row, { status: 'SENT', note: reason });
        metrics.outbox.inc({ outcome: 'CONFLICT' });
        return true;
      }
      if (row.attempts + 1 < MOST_REFUSALS) {
        await events.settleOutbox(row, { status: 'FAILED', error: reason });
        metrics.outbox.inc({ outcome: 'REFUSED' });
        return false;
      }
      const [tenant, runId, position, , eventId] = row.key;
      await deadLetters.put([
        {
          tenant,
          id: `outbox-${runId}-${position}`,
          kind: 'outbox',
          runId,
          subject: eventId,
          reason,
          errorCode: error.code,
          body: JSON.stringify(row.envelope),
          retryWith: { key: [...row.key] },
          // Where it was retried and is refused again.
          reopens: 'always',
          at: Date.now(),
        },
      ]);
      await events.settleOutbox(row, { status: 'DEAD', error: reason });
      metrics.outbox.inc({ outcome: 'DEAD' });
      metrics.deadLetters.inc({ kind: 'outbox' });
      return true;
    }
    await events.settleOutbox(row, { status: 'SENT' });
    metrics.outbox.inc({ outcome: 'PUBLISHED' });
    return true;
  }
}

/** The rows of each run. */
function byRun(rows: readonly OutboxRow[]): Iterable<readonly OutboxRow[]> {
  const runs = new Map<string, OutboxRow[]>();
  for (const row of rows) {
    const run = JSON.stringify(row.key.slice(0, 2));
    runs.set(run, [...(runs.get(run) ?? []), row]);
  }
  return runs.values();
}
