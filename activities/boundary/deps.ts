/** What the activities are made of; the composition root (`worker/`) hands it over. */
import type { ActionRegistry } from '../../actions/index.js';
import type { Authorizer } from '../../contracts/authorization.js';
import type { PreparedRun } from '../../contracts/run/activity.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import type { Projections } from '../../projections/index.js';
import type { SystemContext } from '../../contracts/run/run.js';

/** Gives secrets by name. Nothing is cached: a rotated secret is seen by the next action. */
export interface SecretProvider {
  /** The secret, or undefined where there is none of that name. */
  read(name: string): Promise<string | undefined>;
}

export interface ActivityDeps {
  readonly projections: ProjectionStore;
  /** Dead letters; absent: none are kept. */
  readonly deadLetters?: Projections['deadLetters'] | undefined;
  readonly registry: ActionRegistry;
  readonly secrets: SecretProvider;
  /** Asked before each action; absent: authorization is off. */
  readonly authorizer?: Authorizer | undefined;
  /** The runtime context that runs prepared by this worker are pinned to. */
  readonly system: SystemContext;
  /** Identity of this worker process; a part of every lease's holder. */
  readonly identity: string;
  readonly limits?: Partial<StopLimits>;
  /** When runs that start here continue as new; pinned with the run. Default: `contracts/limits`. */
  readonly runLimits?: PreparedRun['limits'];
}

/** How long an action that has to stop may take to end, ms. */
export interface StopLimits {
  /** After the worker's shutdown, a lost lease, or where Temporal no longer wants the attempt. Default 5,000. */
  readonly afterShutdownMs: number;
  /** After the action's own timeout: a well-behaved one has really stopped before the error is told. Default 500. */
  readonly afterTimeoutMs: number;
  /** For how long a commit is tried again in the activity while the database is away. Default 2,000. */
  readonly commitRetryMs: number;
}

export const STOP_LIMITS: StopLimits = { afterShutdownMs: 5_000, afterTimeoutMs: 500, commitRetryMs: 2_000 };
