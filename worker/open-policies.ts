/**
 * The policies of a worker. Invariant: every start says whether actions are authorized; a directory that is wrong
 * stops the start, and a reload of one that is wrong changes nothing.
 */
import type { Logger } from 'pino';
import { loadPolicies, type Policies } from '../authorization/index.js';
import { toSluiceError } from '../contracts/errors.js';
import type { SluiceConfig } from './config.js';

/**
 * Loads the policies that the configuration names, and says so.
 * @throws SluiceError POLICY_INVALID
 */
export async function openPolicies(
  { policies: configured }: Pick<SluiceConfig, 'policies'>,
  log: Logger,
): Promise<Policies | undefined> {
  if (configured === undefined) {
    log.warn('Authorization is off: SLUICE_CEDAR_POLICY_DIR is not set, and every action may act');
    return undefined;
  }
  const policies = await loadPolicies(configured);
  log.info({ ...configured, ...policies.summary, hash: policies.hash }, 'Actions are authorized by policies');
  return policies;
}

/** Reads the policies again; where they are wrong, says so and keeps those in force. */
export async function reloadPolicies(policies: Policies | undefined, log: Logger): Promise<void> {
  if (policies === undefined) {
    log.warn('Nothing to reload: authorization is off');
    return;
  }
  try {
    await policies.reload();
    log.info({ ...policies.summary, hash: policies.hash }, 'The policies were loaded again');
  } catch (error) {
    const { code, message } = toSluiceError(error);
    log.error({ code, hash: policies.hash }, `The policies stay as they were: ${message}`);
  }
}
