/**
 * The outgoing relay: sends the events that steps published from the outbox to the bus.
 *
 * Invariants
 * - Published at least once: a row is settled after the bus has accepted its event. A crash in between sends
 *   the event again, under the same id.
 * - In order within a run: position n is sent after n - 1. A position that is missing, because its commit
 *   comes later, holds back those behind it, and no other run.
 * - What a run publishes again after a reset has the id of the first time. Is its content another one, the
 *   first one stands: the row is settled, and the conflict is on the row of the event and on its own.
 * - One relay sends at a time: it holds a lease in the database. The others stand by, and take over when it
 *   ends.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type SluiceError, toSluiceError } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';
import type { OutboxRow, Projections } from '../projections/index.js';
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
  readonly metrics: Pick<BridgeMetrics, 'outbox' | 'outboxLeft' | 'deadLetters'>;
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
        if (!(await projections.events.takeRelayLease(holder, LEASE_MS))) pause = STANDBY_MS;
        else if ((await this.#sendDue(now + LEASE_MS)) > 0) pause = 0;
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
    const { metrics, projections } = this.options;
    let sent = 0;
    let seen = 0;
    let after: OutboxRow['key'] | undefined;
    for (;;) {
      const rows = await projections.events.dueOutbox(after, PAGE);
      seen += rows.length;
      const byRun = new Map<string, OutboxRow[]>();
      for (const row of rows) {
        const run = JSON.stringify(row.key.slice(0, 2));
        byRun.set(run, [...(byRun.get(run) ?? []), row]);
      }
      for (const rowsOfRun of byRun.values()) {
        if (this.#stop.signal.aborted || Date.now() > until - LEASE_MARGIN_MS) return sent;
        sent += await this.#sendRun(rowsOfRun);
      }
      if (rows.length < PAGE) {
        metrics.outboxLeft.set(seen - sent);
        return sent;
      }
      after = rows.at(-1)?.key;
    }
  }

  /** Sends what one run published, up to the first missing position. */
  async #sendRun(rows: readonly OutboxRow[]): Promise<number> {
    let head = rows[0]?.sent ?? 0;
    let sent = 0;
    for (const row of rows) {
      const position = row.key[2];
      if (position > head + 1) return sent;
      if (!(await this.#sendOne(row, position <= head))) return sent;
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
