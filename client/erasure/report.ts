/** What is asked of an erasure, and what it answers: in this process, and on the wire. */
import type { z } from 'zod';
import type { ApiErasure } from '../../contracts/http/erasure.js';
import type { OfTenant } from '../runs/context.js';

/** What to erase: runs, or everything of a correlation key. */
export interface EraseRequest extends OfTenant {
  readonly runIds?: readonly string[] | undefined;
  readonly correlationKey?: string | undefined;
  /** True: say what would be erased, and erase nothing. */
  readonly dryRun?: boolean | undefined;
}

export type ErasureReport = z.output<typeof ApiErasure>;
