/**
 * A run's rows in one event, for what the earlier log does not determine: the interpreter's SNAPSHOT of a run
 * after a reset, and the reconciler's RUN_RECONCILED of a run that Temporal has closed.
 */
import { z } from 'zod';
import { RunError } from '../errors.js';
import { JsonValue } from '../json.js';
import { RunStatus, WaitKind } from './run.js';

const ms = z.number().int();

/** Which step execution or wait it is. */
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

/** Payload of the signal `resync`: why the run has to write a SNAPSHOT. */
export const ResyncRequest = z.object({ reason: z.string().transform((text) => text.slice(0, 500)) });
export type ResyncRequest = z.infer<typeof ResyncRequest>;

/** Data of SNAPSHOT. */
export const SnapshotData = z.object({
  status: z.string(),
  state: z.string().nullable(),
  openSteps: z.array(OpenStep),
  openWaits: z.array(OpenWait),
  /** True: not all of them fit; the missing ones are as the log has them. */
  partial: z.boolean().optional(),
  /** The reason in the signal `resync`. */
  reason: z.string().optional(),
});
export type SnapshotData = z.infer<typeof SnapshotData>;

/** Data of RUN_RECONCILED. */
export const ReconciledData = z.object({
  /** The status in Temporal. */
  status: RunStatus,
  /** False: the repaired log reaches that status by itself; the event only says how. */
  corrects: z.boolean(),
  /** What the reconciler saw in Temporal. */
  reason: z.string(),
  /** Who terminated it, as Temporal knows its clients. */
  actor: z.string().optional(),
  /** `seq` of the workflow's last event. */
  after: z.number().int().nonnegative(),
  /** The execution that committed it. */
  execution: z.string(),
  closedAt: ms,
  /** Events restored from Temporal's history. */
  mended: z.number().int().nonnegative(),
  result: JsonValue.optional(),
  error: RunError.optional(),
  /** Open steps and waits, which end with the run. */
  steps: z.array(Place),
  waits: z.array(Place),
});
export type ReconciledData = z.infer<typeof ReconciledData>;
