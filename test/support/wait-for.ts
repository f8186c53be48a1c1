/**
 * How often a condition is checked, and for how long, ms. The limit is one that a busy machine does not
 * reach.
 */
const INTERVAL_MS = 25;
const LIMIT_MS = 60_000;

/**
 * Waits until the probe answers something other than false, undefined or null.
 * @throws Error with the probe's last answer or error, after `limitMs`
 */
export async function waitFor<T>(
  probe: () => Promise<T> | T,
  limitMs = LIMIT_MS,
): Promise<Exclude<T, false | undefined | null>> {
  const deadline = Date.now() + limitMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== false && answer !== undefined && answer !== null) {
        return answer as Exclude<T, false | undefined | null>;
      }
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`The condition did not hold within ${limitMs} ms; last: ${String(last)}`, {
        cause: last instanceof Error ? last : undefined,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}
