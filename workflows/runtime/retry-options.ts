/**
 * How Temporal repeats an activity of Sluice's after an infrastructure failure: without a count, so that a
 * worker or a database that is away fails no run.
 */
export const INFRASTRUCTURE_RETRY = {
  initialInterval: 200,
  backoffCoefficient: 2,
  maximumInterval: '10s',
} as const;
