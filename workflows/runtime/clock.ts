/**
 * The one place where workflow code takes time, chance and ids. Inside the workflow sandbox these are
 * Temporal's deterministic ones: the same on every replay.
 */

/** Workflow time, epoch ms. */
export function now(): number {
  return Date.now();
}

/**
 * An instant in ISO form.
 * @param ms epoch ms
 */
export function isoAt(ms: number): string {
  return new Date(ms).toISOString();
}

/** Epoch ms of an ISO instant with an offset; NaN for any other text. */
export function parseInstant(text: string): number {
  return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/.test(text)
    ? Date.parse(text)
    : NaN;
}

/** A number in [0, 1), the same on replay. */
export function random(): number {
  return Math.random();
}
