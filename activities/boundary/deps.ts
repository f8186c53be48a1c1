/** What the activities depend on; the composition root (`worker/`) provides it. */
import type { ActionRegistry } from '../../actions/index.js';
import type { DeadLetterSummary, DeadLetterView } from '../../contracts/events/dead-letter.js';
import type { Authorizer } from '../../contracts/authorization.js';
import type { ClaimKeeper } from '../../contracts/naming/claims.js';
import type { PreparedRun } from '../../contracts/run/activity.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import type { Projections } from '../../projections/index.js';
import type { SystemContext } from '../../contracts/run/run.js';

/** Reads secrets by name, without a cache: the next action sees a rotated secret. */
export interface SecretProvider {
  /** The secret, or undefined for an unknown name. */
  read(name: string): Promise<string | undefined>;
  /** Whether a secret belongs to an owner; absent: every secret belongs to all. */
  belongsTo?(name: string, owner: SecretOwner): boolean;
}

/** Whose run reads a secret. */
export interface SecretOwner {
  readonly tenant: string;
  /** Id of the definition. */
  readonly definition: string;
}

/** What is shown of dead letters; the client's room decides it, for every answer alike. */
interface ShownLetters {
  summary(tenant: string, letter: DeadLetterSummary): Promise<DeadLetterSummary>;
  letter(tenant: string, letter: DeadLetterView): Promise<DeadLetterView>;
}

export interface ActivityDeps {
  readonly projections: ProjectionStore & Pick<Projections, 'tasks'>;
  /** Dead letters; absent: the worker keeps no dead letters. */
  readonly deadLetters?: Projections['deadLetters'] | undefined;
  /** Hides marked values in letters; present where `deadLetters` is. */
  readonly shownLetters?: ShownLetters | undefined;
  readonly registry: ActionRegistry;
  readonly secrets: SecretProvider;
  /** Decides before each action; absent: authorization is off. */
  readonly authorizer?: Authorizer | undefined;
  /** Checks who starts a run; absent: whoever reaches Temporal may name any tenant and actor. */
  readonly claims?: ClaimKeeper | undefined;
  /** The key of a tenant's search attributes; absent: the worker has no key ring. */
  readonly searchKey?: ((tenant: string) => string) | undefined;
  /** The runtime context to which this worker pins the runs that it prepares. */
  readonly system: SystemContext;
  /** Identity of this worker process, a part of the holder of every lease. */
  readonly identity: string;
  readonly limits?: Partial<StopLimits>;
  /** How long an activity may go without a worker that has its action, ms. Default: LIMITS. */
  readonly missingActionMs?: number | undefined;
  /** Priorities that a definition may choose. Default: LIMITS. */
  readonly priorities?: PriorityRange | undefined;
  /** Actions of one tenant that this worker runs at once. Default: without a bound. */
  readonly tenantActions?: number | undefined;
  /** When runs that start here continue as new; pinned with the run. Default: LIMITS. */
  readonly runLimits?: PreparedRun['limits'];
}

/** Priorities of actions: 1 goes first. */
export interface PriorityRange {
  readonly first: number;
  readonly last: number;
}

/** How long a stopping action may take to end, ms. */
export interface StopLimits {
  /** After the worker's shutdown, after a lost lease, or if Temporal gives the attempt up. Default 5,000. */
  readonly afterShutdownMs: number;
  /**
   * After the action's timeout: a well-behaved action really ends before its error is reported. Default 500.
   */
  readonly afterTimeoutMs: number;
  /** For how long the activity retries a commit while the database is away. Default 2,000. */
  readonly commitRetryMs: number;
}

export const STOP_LIMITS: StopLimits = { afterShutdownMs: 5_000, afterTimeoutMs: 500, commitRetryMs: 2_000 };
