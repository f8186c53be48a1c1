/**
 * Asking a service, without end, whether it answers. So a service that goes silent is noticed although no
 * one else asks it anything: health and metrics say so before the next run or event comes.
 */
import { SluiceError, toSluiceError } from '../errors.js';
import { within } from '../within.js';

/** The services that a process of Sluice needs, as metrics and health name them. */
export type Service = 'database' | 'temporal' | 'redis';

const UNAVAILABLE = {
  database: 'DATABASE_UNAVAILABLE',
  temporal: 'TEMPORAL_UNAVAILABLE',
  redis: 'REDIS_UNAVAILABLE',
} as const;

/** Time between two questions, ms. */
const EVERY_MS = 5_000;
/** Time limit of an answer, ms. */
const LIMIT_MS = 5_000;

/** A watch that runs. */
export interface Watch {
  /** Ends it at once: an answer that is still awaited is dropped. */
  stop(): void;
}

/** Does something, which has a time limit, again and again. */
export function repeat(work: () => Promise<void>): Watch {
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const next = async (): Promise<void> => {
    await work();
    if (stopped) return;
    timer = setTimeout(() => void next(), EVERY_MS);
    unref(timer);
  };
  void next();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/**
 * Watches a service.
 * @param probe throws, or does not end, while the service is away
 * @param report gets what each question showed: why the service is away, or undefined
 */
export function watchService(
  service: Service,
  probe: () => Promise<unknown>,
  report: (error: SluiceError | undefined) => void,
): Watch {
  let stopped = false;
  const watch = repeat(async () => {
    const error = await answerOf(service, probe);
    if (!stopped) report(error);
  });
  return {
    stop() {
      stopped = true;
      watch.stop();
    },
  };
}

/** Asks once. @returns why the service is away; undefined: it has answered in time */
export async function answerOf(
  service: Service,
  probe: () => Promise<unknown>,
): Promise<SluiceError | undefined> {
  try {
    return await within(
      probe().then(() => undefined),
      LIMIT_MS,
      () => new SluiceError(UNAVAILABLE[service], `No answer came within ${LIMIT_MS} ms`),
    );
  } catch (thrown) {
    return toSluiceError(thrown);
  }
}

/** A watch must not keep its process alive. Timers of a browser are numbers. */
function unref(timer: ReturnType<typeof setTimeout>): void {
  if (typeof timer === 'object') timer.unref();
}
