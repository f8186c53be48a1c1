/**
 * The policies of a worker.
 *
 * Invariant: every start logs whether actions are authorized. A directory with an invalid policy stops the
 * start; a reload of one changes nothing.
 */
import type { Logger } from 'pino';
import { loadPolicies, type Policies } from '../../authorization/index.js';
import { toSluiceError } from '../../contracts/errors.js';
import type { SluiceConfig } from '../config/config.js';

/**
 * Loads the policies that the configuration names, and logs the result.
 * @throws SluiceError POLICY_INVALID
 */
export async function openPolicies(
  { policies: configured }: Pick<SluiceConfig, 'policies'>,
  log: Logger,
): Promise<Policies | undefined> {
  if (configured === undefined) {
    log.warn('Authorization is off: SLUICE_CEDAR_POLICY_DIR is not set, so every action is permitted');
    return undefined;
  }
  const policies = await loadPolicies(configured);
  log.info({ ...configured, ...policies.summary, hash: policies.hash }, 'Actions are authorized by policies');
  return policies;
}

/**
 * Reloads the policies; if any is invalid, the current ones stay in force.
 * @returns the message that it logged
 */
export async function reloadPolicies(policies: Policies | undefined, log: Logger): Promise<string> {
  if (policies === undefined) {
    const off = 'Nothing to reload: authorization is off';
    log.warn(off);
    return off;
  }
  try {
    await policies.reload();
    const reloaded = 'The policies were reloaded';
    log.info({ ...policies.summary, hash: policies.hash }, reloaded);
    return reloaded;
  } catch (error) {
    const { code, message } = toSluiceError(error);
    const kept = `The policies stay unchanged: ${message}`;
    log.error({ code, hash: policies.hash }, kept);
    return kept;
  }
}
