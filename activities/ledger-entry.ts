/**
 * One attempt's dealings with the ledger, through `projections/`.
 *
 * Invariants
 * - Before the action acts, its row is STARTED under a lease of this attempt; after it, the row holds the
 *   outcome. What a crash leaves between the two is a STARTED row whose lease ends by itself.
 * - An outcome is not lost for a short absence of the database: committing it is tried again here, because
 *   the alternative is to run the action once more.
 * - A `local` action's entry has no run events and writes no step row; its ledger row is the same.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Evidence } from '../contracts/authorization.js';
import type { ActionEnvelope } from '../contracts/activity.js';
import { SluiceError } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';
import type {
  BeginDecision,
  DomainStatement,
  Execution,
  Invocation,
  ProjectionStore,
} from '../contracts/projection.js';
import type { BusinessError } from './failures.js';

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 500;

export interface LedgerEntry {
  /** @param until end of the lease, epoch ms */
  begin(until: number): Promise<BeginDecision>;
  /** @param until as in `begin`; a time that has passed gives the lease up */
  renew(until: number): Promise<boolean>;
  succeed(output: Json, artifacts: readonly string[], writes: readonly DomainStatement[]): Promise<void>;
  fail(error: BusinessError): Promise<void>;
  /** What stands beside the outcome, whatever that will be. */
  attach(evidence: Evidence): void;
}

export interface LedgerEntryOptions {
  readonly store: ProjectionStore;
  readonly execution: Execution;
  readonly envelope: ActionEnvelope;
  readonly action: string;
  /** Of the lease: names this execution of the activity and no other. */
  readonly holder: string;
  /** As it came, with secrets unresolved. */
  readonly input: Json;
  /** For how long a commit is tried again while the database is away, ms. */
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
  let evidence: Evidence | undefined;
  return {
    attach: (given) => {
      evidence = given;
    },
    begin: (until) =>
      patiently(() =>
        store.beginAction(execution, local ? [] : envelope.events, invocation, { holder, until }),
      ),
    renew: (until) => store.renewLease(envelope.run.tenant, envelope.idempotencyKey, { holder, until }),
    succeed: (output, artifacts, writes) =>
      patiently(() =>
        store.finishAction(
          execution,
          invocation,
          { status: 'SUCCEEDED', output, artifacts },
          writes,
          holder,
          evidence,
        ),
      ),
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
      return patiently(() =>
        store.finishAction(execution, invocation, { status: 'FAILED', error }, [], holder, evidence),
      );
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
