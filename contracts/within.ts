/**
 * Waits for work no longer than a time limit. Late work goes on, but its outcome is dropped.
 * @param ms the limit, milliseconds
 * @param late what to answer at the limit: returns a value, or throws. Default: `undefined`
 * @throws what `work` or `late` throws
 */
export async function within<T, L = undefined>(
  work: Promise<T>,
  ms: number,
  late: () => L = () => undefined as L,
): Promise<T | L> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    return await Promise.race([work, limit.then(late)]);
  } finally {
    clearTimeout(timer);
  }
}
