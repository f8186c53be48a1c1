/**
 * A run's rows told in one event, where the log before it does not tell them: what the interpreter says of a run
 * after a reset (SNAPSHOT), and what the reconciler says of a run that Temporal has closed (RUN_RECONCILED).
 */
import { z } from 'zod';
import { RunError } from '../errors.js';
import { JsonValue } from '../json.js';
import { RunStatus, WaitKind } from './run.js';

const ms = z.number().int();

/** Where a step execution or a wait stands. */
const Place = z.object({
  path: z.string(),
  iteration: z.array(z.number().int()),
  attempt: z.number().int().positive(),
});

const OpenStep = Place.extend({
  id: z.string(),
  kind: z.string(),
  action: z.string().optional(),
  startedAt: ms,
});
export type OpenStep = z.infer<typeof OpenStep>;

const OpenWait = Place.extend({
  kind: WaitKind,
  eventNames: z.array(z.string()).optional(),
  correlationKey: z.string().nullable().optional(),
  deadline: ms.optional(),
  since: ms.optional(),
  openedAt: ms,
});
export type OpenWait = z.infer<typeof OpenWait>;

/** Payload of the signal `resync`: why the run is to tell its rows anew. */
export const ResyncRequest = z.object({ reason: z.string().transform((text) => text.slice(0, 500)) });
export type ResyncRequest = z.infer<typeof ResyncRequest>;

/** Data of SNAPSHOT. */
export const SnapshotData = z.object({
  status: z.string(),
  state: z.string().nullable(),
  openSteps: z.array(OpenStep),
  openWaits: z.array(OpenWait),
  /** True: there was no room for all of them; those that are missing are as the log has them. */
  partial: z.boolean().optional(),
  /** Why it was asked for, as the signal `resync` said. */
  reason: z.string().optional(),
});
export type SnapshotData = z.infer<typeof SnapshotData>;

/** Data of RUN_RECONCILED. */
export const ReconciledData = z.object({
  /** As Temporal has it. */
  status: RunStatus,
  /** False: the log itself came to that status once it was mended; the event only says how. */
  corrects: z.boolean(),
  /** What was seen on Temporal. */
  reason: z.string(),
  /** The last event of the workflow's own that it is about, and under which execution that was committed. */
  after: z.number().int().nonnegative(),
  execution: z.string(),
  closedAt: ms,
  /** Events that were put back from Temporal's history. */
  mended: z.number().int().nonnegative(),
  result: JsonValue.optional(),
  error: RunError.optional(),
  /** What was open and ends with the run. */
  steps: z.array(Place),
  waits: z.array(Place),
});
export type ReconciledData = z.infer<typeof ReconciledData>;
