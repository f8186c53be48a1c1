/**
 * Configuration of the HTTP API, from the environment. The rules are those of config.ts: blank is unset,
 * every invalid variable is named, no value is shown.
 *
 * Invariant: the API requires tokens. The one exception: it listens on loopback, the environment is
 * `development`, and no variable configures tokens.
 */
import { readKeyFile, type ApiConfig, type AuthConfig } from '../../api/index.js';
import { isLoopback } from '../../contracts/http/pages.js';
import { apiVariables, invalid, type ApiVariables } from './api-variables.js';
import { DEVELOPMENT } from './config-variables.js';
import type { Environment, SluiceConfig } from './config.js';

const HOUR_MS = 3_600_000;

/** The API's configuration, without what only its process knows. */
export type ApiSettings = Omit<ApiConfig, 'sdkMetricsUrl'>;

/**
 * Reads the configuration and the file of keys.
 * @throws SluiceError CONFIG_INVALID
 */
export async function loadApiConfig(
  env: Environment,
  { system }: Pick<SluiceConfig, 'system'>,
): Promise<ApiSettings> {
  const vars = apiVariables(env);
  return {
    ...vars.SLUICE_API_HTTP,
    auth: await authOf(vars, system.environment),
    rate: { perSecond: vars.SLUICE_API_RATE, burst: vars.SLUICE_API_BURST },
    codecOrigins: vars.SLUICE_API_CODEC_ORIGINS,
    idempotencyMs: vars.SLUICE_API_IDEMPOTENCY_HOURS * HOUR_MS,
  };
}

async function authOf(vars: ApiVariables, environment: string): Promise<AuthConfig> {
  const {
    SLUICE_API_KEYS_FILE: file,
    SLUICE_API_JWT_JWKS_URL: jwksUrl,
    SLUICE_API_JWT_ISSUER: issuer,
    SLUICE_API_JWT_AUDIENCE: audience,
  } = vars;
  if (file === undefined && jwksUrl === undefined) {
    const { host } = vars.SLUICE_API_HTTP;
    if (isLoopback(host) && environment === DEVELOPMENT) return { kind: 'off' };
    const why = isLoopback(host)
      ? `SLUICE_ENVIRONMENT is ${environment}, not ${DEVELOPMENT}`
      : `${host} is not loopback`;
    throw invalid([
      `SLUICE_API_KEYS_FILE or SLUICE_API_JWT_JWKS_URL must be set: ${why}, so the API needs tokens`,
    ]);
  }
  if (jwksUrl !== undefined && (issuer === undefined || audience === undefined)) {
    throw invalid(['SLUICE_API_JWT_JWKS_URL needs SLUICE_API_JWT_ISSUER and SLUICE_API_JWT_AUDIENCE']);
  }
  return {
    kind: 'tokens',
    keys: file === undefined ? [] : await readKeyFile(file),
    keysFile: file,
    jwt:
      jwksUrl === undefined || issuer === undefined || audience === undefined
        ? undefined
        : {
            jwksUrl,
            issuer,
            audience,
            rolesClaim: vars.SLUICE_API_JWT_ROLES_CLAIM,
            groupsClaim: vars.SLUICE_API_JWT_GROUPS_CLAIM,
            tenantsClaim: vars.SLUICE_API_JWT_TENANTS_CLAIM,
          },
  };
}
