/**
 * The policies of a worker. Invariant: every start says whether actions are authorized; a directory that is wrong
 * stops the start, and a reload of one that is wrong changes nothing.
 */
import type { Logger } from 'pino';
import { loadPolicies, type Policies } from '../../authorization/index.js';
import { toSluiceError } from '../../contracts/errors.js';
import type { SluiceConfig } from '../config/config.js';

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

/**
 * Reads the policies again; where they are wrong, says so and keeps those in force.
 * @returns what it said
 */
export async function reloadPolicies(policies: Policies | undefined, log: Logger): Promise<string> {
  if (policies === undefined) {
    const off = 'Nothing to reload: authorization is off';
    log.warn(off);
    return off;
  }
  try {
    await policies.reload();
    const again = 'The policies were loaded again';
    log.info({ ...policies.summary, hash: policies.hash }, again);
    return again;
  } catch (error) {
    const { code, message } = toSluiceError(error);
    const kept = `The policies stay as they were: ${message}`;
    log.error({ code, hash: policies.hash }, kept);
    return kept;
  }
}
