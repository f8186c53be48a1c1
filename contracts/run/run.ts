/**
 * The vocabulary of a run: statuses and the state machines of run, step and wait as data. Illegal
 * transitions are refused where rows are written (`projections/`), never overwritten.
 */
import { z } from 'zod';

export const RunStatus = z.enum([
  'PENDING',
  'RUNNING',
  'WAITING',
  'COMPENSATING',
  'SUCCEEDED',
  'FAILED',
  'CANCELED',
  'TERMINATED',
  'TIMED_OUT',
  'INTERRUPTED',
]);
export type RunStatus = z.infer<typeof RunStatus>;

export const StepStatus = z.enum([
  'RUNNING',
  'RETRYING',
  'WAITING',
  'SUCCEEDED',
  'FAILED',
  'SKIPPED',
  'CANCELED',
]);
export type StepStatus = z.infer<typeof StepStatus>;

export const WaitStatus = z.enum(['WAITING', 'SATISFIED', 'TIMED_OUT', 'CANCELED']);
export type WaitStatus = z.infer<typeof WaitStatus>;

export const WaitKind = z.enum(['event', 'time', 'human', 'child']);
export type WaitKind = z.infer<typeof WaitKind>;

/** Run statuses that only a reset of the workflow can leave. */
export const TERMINAL_RUN_STATUSES: readonly RunStatus[] = [
  'SUCCEEDED',
  'FAILED',
  'CANCELED',
  'TERMINATED',
  'TIMED_OUT',
  'INTERRUPTED',
];

type Transitions<S extends string> = Readonly<Record<S, readonly S[]>>;

const ended = ['FAILED', 'CANCELED', 'TERMINATED', 'TIMED_OUT', 'INTERRUPTED'] as const;

/** Edges of a run. Only a reset, which `resync` reports, leads from a terminal status to RUNNING. */
export const RUN_TRANSITIONS: Transitions<RunStatus> = {
  PENDING: ['RUNNING', ...ended],
  RUNNING: ['WAITING', 'COMPENSATING', 'SUCCEEDED', ...ended],
  WAITING: ['RUNNING', 'COMPENSATING', 'SUCCEEDED', ...ended],
  COMPENSATING: ['RUNNING', ...ended],
  SUCCEEDED: ['RUNNING'],
  FAILED: ['RUNNING'],
  CANCELED: ['RUNNING'],
  TERMINATED: ['RUNNING'],
  TIMED_OUT: ['RUNNING'],
  INTERRUPTED: ['RUNNING'],
};

/** Edges of one step execution (run, path, iteration, attempt). Only a reset opens a terminal one again. */
export const STEP_TRANSITIONS: Transitions<StepStatus> = {
  RUNNING: ['RETRYING', 'WAITING', 'SUCCEEDED', 'FAILED', 'CANCELED'],
  RETRYING: [],
  WAITING: ['RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED'],
  SUCCEEDED: [],
  FAILED: [],
  SKIPPED: [],
  CANCELED: [],
};

/** Edges of a wait. */
export const WAIT_TRANSITIONS: Transitions<WaitStatus> = {
  WAITING: ['SATISFIED', 'TIMED_OUT', 'CANCELED'],
  SATISFIED: [],
  TIMED_OUT: [],
  CANCELED: [],
};

/** In place of a version: the run was refused before one was found. */
export const NO_VERSION = 0;

/** The version of a definition that a run is pinned to when it starts. */
export const DefinitionPin = z.object({
  id: z.string(),
  version: z.number().int().positive(),
  /** sha-256 of the document as JSON, keys in the author's order, hex. */
  hash: z.string(),
});
export type DefinitionPin = z.infer<typeof DefinitionPin>;

/** The runtime context: read once from the worker's config and pinned when a run starts. */
export const SystemContext = z.object({
  environment: z.string().min(1),
  region: z.string().min(1),
  release: z.string().min(1),
});
export type SystemContext = z.infer<typeof SystemContext>;

/** Another run, as parent or root. */
export const RunRef = z.object({ runId: z.string(), workflowId: z.string() });
export type RunRef = z.infer<typeof RunRef>;
