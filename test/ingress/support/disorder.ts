/** Events in disorder, the same every time. */

/** Shuffles a copy. */
export function shuffled<T>(items: readonly T[]): T[] {
  const random = seeded();
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}

/** Numbers from 0 to 1. */
export function seeded(): () => number {
  let seed = 20_260_101;
  return () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
}
