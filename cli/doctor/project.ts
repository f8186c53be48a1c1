/** Checks the environment and the project: variables, `sluice.config.ts`, secrets, policies. */
import { loadPolicies } from '../../authorization/index.js';
import { loadApiPlace, type ApiPlace } from '../../worker/config/api-variables.js';
import { loadBridgeConfig, type BridgeSettings } from '../../worker/config/bridge-config.js';
import { loadConfig, type Environment, type SluiceConfig } from '../../worker/config/config.js';
import { loadRegistry } from '../../worker/processes/load-registry.js';
import { createSecretProvider } from '../../worker/secrets/secret-provider.js';
import { attempt, fail, ok, skip, type Finding } from './finding.js';

export interface ProjectReport {
  readonly findings: readonly Finding[];
  /** Undefined if it is invalid. */
  readonly config: SluiceConfig | undefined;
  readonly bridge: BridgeSettings | undefined;
  /** Undefined if SLUICE_API_URL is not set. */
  readonly api: ApiPlace | undefined;
}

/** Runs the checks. @param directory the directory of `sluice.config.ts` */
export async function checkProject(env: Environment, directory: string): Promise<ProjectReport> {
  const findings: Finding[] = [];
  const read = <T>(load: () => T): T | undefined => {
    try {
      return load();
    } catch (thrown) {
      findings.push(fail('configuration', thrown));
      return undefined;
    }
  };
  const config = read(() => loadConfig(env));
  const bridge = read(() => loadBridgeConfig(env));
  const api = read(() => loadApiPlace(env));
  if (config === undefined) return { findings, config, bridge, api };
  if (findings.length === 0) findings.push(ok('configuration', 'all variables are valid'));
  findings.push(
    ...(await attempt('project', async () => {
      const { actions } = await loadRegistry(config, directory);
      createSecretProvider(config.secrets, env);
      return ok('project', `${actions.length} actions`);
    })),
    ...(await attempt('policies', async () => {
      if (config.policies === undefined) return skip('policies', 'SLUICE_CEDAR_POLICY_DIR is not set');
      const { summary } = await loadPolicies(config.policies);
      return ok('policies', `${summary.policies} policies in ${config.policies.directory}`);
    })),
  );
  return { findings, config, bridge, api };
}
