/**
 * The audit row of a request.
 *
 * Invariants (every-act-has-a-name)
 * - The row is there before the act begins: a database that cannot take it stops the act.
 * - It is settled after the act, a stream's after its end. If the process dies between, or the row cannot be
 *   settled, its outcome stays `unknown`; it is never told as done on a guess.
 */
import { toSluiceError } from '../../contracts/errors.js';
import type { Principal } from '../auth/principal.js';
import type { ApiDeps } from './deps.js';
import { streamEnd } from './streams.js';

/** Server errors begin here: what is below is a refusal. */
const FAILED_STATUS = 500;

/** Which act, on what, from where. */
export interface AuditedAct {
  readonly tenant: string;
  readonly principal: Principal;
  readonly act: string;
  readonly requestId: string;
  /** What it is on, as far as the request itself says. */
  readonly on: readonly string[];
}

/** Names a further thing that the act is on, such as `run:ID`. */
export type Concerns = (thing: string) => void;

/** Performs an act between its two audit writes. @throws what the act throws; SluiceError DATABASE_* */
export async function audited(
  { projections: { audit }, log, now }: ApiDeps,
  { tenant, principal, act, requestId, on }: AuditedAct,
  perform: (concerns: Concerns) => Promise<Response>,
): Promise<Response> {
  const key = { tenant, at: new Date(now()), requestId };
  const { kind, issuer, name: subject } = principal;
  await audit.begin({ ...key, kind, issuer, subject, act, on });
  const things = new Set<string>();
  const settle = async (error?: unknown): Promise<void> => {
    const { status = 0, code = undefined } = error === undefined ? {} : toSluiceError(error);
    const outcome =
      error === undefined
        ? 'done'
        : code === 'OUTCOME_UNKNOWN'
          ? 'unknown'
          : status >= FAILED_STATUS
            ? 'failed'
            : 'refused';
    try {
      await audit.settle(key, { outcome, code, on: [...things], endedAt: new Date(now()) });
    } catch (thrown) {
      log.error({ requestId, act, error: toSluiceError(thrown) }, 'An audit row could not be settled');
    }
  };
  let response: Response;
  try {
    response = await perform((thing) => void things.add(thing));
  } catch (thrown) {
    await settle(thrown);
    throw thrown;
  }
  const ended = streamEnd(response);
  if (ended === undefined) await settle();
  else void ended.then(() => settle());
  return response;
}
