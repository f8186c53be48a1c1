/**
 * One attempt's row in the ledger, written through `projections/`.
 *
 * Invariants
 * - Before the action acts, its row is STARTED under a lease of this attempt; afterwards the row holds the
 *   outcome. A crash in between leaves a STARTED row whose lease ends by itself.
 * - A short absence of the database loses no outcome: the commit is retried here, because the alternative is
 *   to run the action once more.
 * - The entry of a `local` action has no run events and writes no step row; its ledger row is the same.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Evidence } from '../../contracts/authorization.js';
import type { ActionEnvelope } from '../../contracts/run/activity.js';
import { SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import type {
  BeginDecision,
  DomainStatement,
  Execution,
  Invocation,
  InvocationOutcome,
  ProjectionStore,
} from '../../contracts/run/projection.js';
import type { BusinessError } from '../boundary/failures.js';

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 500;

export interface LedgerEntry {
  /** True once `begin` was called: unless that failed, the pending events are recorded. */
  readonly begun: boolean;
  begin(): Promise<BeginDecision>;
  /** @param forMs how long the lease lasts from now, ms; 0 gives it up */
  renew(forMs: number): Promise<boolean>;
  /**
   * Records the outcome, together with the begin if that is not recorded yet.
   * @returns `execute`: the outcome is recorded. Otherwise, only without an earlier begin: what the ledger
   * has instead
   */
  succeed(
    output: Json,
    artifacts: readonly string[],
    writes: readonly DomainStatement[],
  ): Promise<BeginDecision>;
  /** Like `succeed`, for a failure. */
  fail(error: BusinessError): Promise<BeginDecision>;
  /** Adds evidence that commits with the outcome. */
  attach(evidence: Evidence): void;
}

export interface LedgerEntryOptions {
  readonly store: ProjectionStore;
  readonly execution: Execution;
  readonly envelope: ActionEnvelope;
  readonly action: string;
  /** Holder of the lease: names this execution of the activity and no other. */
  readonly holder: string;
  /** The input as it came, with secrets unresolved. */
  readonly input: Json;
  /** How long a lease lasts, ms. */
  readonly leaseMs: number;
  /** For how long a commit is retried while the database is away, ms. */
  readonly commitRetryMs: number;
}

export function ledgerEntry(options: LedgerEntryOptions): LedgerEntry {
  const { store, execution, envelope, holder, commitRetryMs } = options;
  const { step } = envelope;
  const local = envelope.local === true;
  const invocation: Invocation = {
    idempotencyKey: envelope.idempotencyKey,
    action: options.action,
    actionVersion: envelope.actionVersion,
    step,
    input: options.input,
    local,
  };
  const patiently = <T>(commit: () => Promise<T>): Promise<T> => whileAway(commitRetryMs, commit);
  const events = local ? [] : envelope.events;
  const startedAt = Date.now();
  let evidence: Evidence | undefined;
  let begun = false;
  const end = (outcome: InvocationOutcome, writes: readonly DomainStatement[] = []): Promise<BeginDecision> =>
    patiently(async () => {
      if (!begun) {
        const lease = { holder, forMs: options.leaseMs };
        return store.recordAction(execution, events, invocation, { lease, startedAt, outcome, writes });
      }
      await store.finishAction(execution, invocation, { outcome, writes, holder, evidence });
      return { kind: 'execute' };
    });
  return {
    get begun() {
      return begun;
    },
    attach: (given) => {
      evidence = given;
    },
    begin: () => {
      begun = true;
      return patiently(() =>
        store.beginAction(execution, events, invocation, { holder, forMs: options.leaseMs }),
      );
    },
    renew: (forMs) => store.renewLease(envelope.run.tenant, envelope.idempotencyKey, { holder, forMs }),
    succeed: (output, artifacts, writes) => end({ status: 'SUCCEEDED', output, artifacts }, writes),
    fail: ({ code, message, category, details }) => {
      const error = {
        code,
        message,
        category,
        details,
        stepPath: step.path,
        at: new Date().toISOString(),
        attempt: step.attempt,
      };
      return end({ status: 'FAILED', error });
    },
  };
}

async function whileAway<T>(limitMs: number, commit: () => Promise<T>): Promise<T> {
  const end = Date.now() + limitMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return await commit();
    } catch (error) {
      const away = error instanceof SluiceError && error.code === 'DATABASE_UNAVAILABLE';
      if (!away || Date.now() + pause > end) throw error;
      await wait(pause);
    }
  }
}
