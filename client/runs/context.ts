/** The context of every operation on a run, and the checks that all of them make. */
import type { Client } from '@temporalio/client';
import { SluiceError } from '../../contracts/errors.js';
import type { RunView } from '../../projections/index.js';
import type { CallContext } from '../connection/errors.js';
import type { AnyStart, StartedRun } from '../connection/options.js';
import type { Json } from '../../contracts/json.js';
import type { RunReads } from '../reads/reads.js';

/** The tenant of a run. */
export interface OfTenant {
  /** Default: the client's. */
  readonly tenant?: string | undefined;
}

/** Who acts on a run, and why, for the audit. */
export interface ActOptions extends OfTenant {
  /** Default: the client's. */
  readonly actor?: string | undefined;
  /** At most 1,000 characters. */
  readonly reason?: string | undefined;
}

/** What a read of a run needs. */
export type ReadContext = Pick<RunContext, 'reads' | 'tenant'>;

export interface RunContext {
  readonly temporal: Client;
  readonly call: CallContext;
  readonly tenant: string;
  readonly actor: string;
  readonly reads: RunReads | undefined;
  /** `client.start`. */
  readonly start: (definitionId: string, payload: Json, options: AnyStart) => Promise<StartedRun>;
}

/** Most characters of a reason, and of a run id. */
const REASON_CHARACTERS = 1_000;
const RUN_ID_CHARACTERS = 256;

/** The source of reads. @throws SluiceError READS_NOT_CONFIGURED */
export function readsOf({ reads }: Pick<RunContext, 'reads'>): RunReads {
  if (reads !== undefined) return reads;
  throw new SluiceError('READS_NOT_CONFIGURED', 'This client has no `reads` to read runs from.');
}

/**
 * The row of a run, unredacted.
 * @throws SluiceError RUN_NOT_FOUND, also for a run of another tenant; READS_NOT_CONFIGURED, INPUT_INVALID
 */
export async function findRun(context: ReadContext, runId: string, options: OfTenant = {}): Promise<RunView> {
  const tenant = options.tenant ?? context.tenant;
  const run = await readsOf(context).getRun(tenant, checkedId(runId));
  if (run !== undefined) return run;
  throw new SluiceError('RUN_NOT_FOUND', `Tenant ${tenant} has no run ${runId}.`, {
    details: { runId, tenant },
  });
}

/** The id, if it can be one of a run. @throws SluiceError INPUT_INVALID */
function checkedId(runId: unknown): string {
  if (typeof runId === 'string' && runId !== '' && runId.length <= RUN_ID_CHARACTERS) return runId;
  throw new SluiceError('INPUT_INVALID', `runId: text of 1 to ${RUN_ID_CHARACTERS} characters`);
}

/** The reason, if its length is allowed. @throws SluiceError INPUT_INVALID */
export function checkedReason(reason: unknown): string | undefined {
  if (reason === undefined || (typeof reason === 'string' && reason.length <= REASON_CHARACTERS)) {
    return reason;
  }
  throw new SluiceError('INPUT_INVALID', `reason: text of at most ${REASON_CHARACTERS} characters`);
}
