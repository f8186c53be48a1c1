/**
 * Rows of a run outlive its history.
 *
 * Invariant: a closed run's rows are removed only when Temporal has forgotten the run too. Before that, a
 * reset makes it go on, and without its ledger it repeats what it did.
 */
import { messageOf, SluiceError } from '../../contracts/errors.js';

/** What of Temporal's service tells how long it keeps a closed workflow; both kinds of connection have it. */
export interface NamespaceService {
  describeNamespace(request: { readonly namespace: string }): Promise<{
    readonly config?: {
      readonly workflowExecutionRetentionTtl?: { readonly seconds?: unknown } | null;
    } | null;
  }>;
}

const DAY_S = 86_400;

/**
 * Asks Temporal how long it keeps closed workflows.
 * @returns days since their end, with fractions
 * @throws SluiceError TEMPORAL_UNAVAILABLE
 */
export async function keptDays(service: NamespaceService, namespace: string): Promise<number> {
  try {
    const { config } = await service.describeNamespace({ namespace });
    return Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / DAY_S;
  } catch (error) {
    throw new SluiceError('TEMPORAL_UNAVAILABLE', `Temporal: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * @param days age at which rows of closed runs would be removed, since their end
 * @param kept days that Temporal keeps closed workflows
 * @throws SluiceError RETENTION_TOO_SHORT unless the rows stay for longer
 */
export function requireLongerThan(days: number, kept: number): void {
  if (days > kept) return;
  throw new SluiceError(
    'RETENTION_TOO_SHORT',
    `Temporal keeps closed workflows for ${kept} days, and rows of runs would go after ${days}: a run that is reset in between would repeat what it did`,
    { details: { days, kept } },
  );
}
