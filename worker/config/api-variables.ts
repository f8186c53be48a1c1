/**
 * The variables of the HTTP API, in a file without its code: commands that only call an API do not load it.
 */
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import { isLoopback } from '../../contracts/http/pages.js';
import type { Environment } from './config.js';

const count = (most: number) =>
  z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .positive('must be over 0')
    .max(most, `must be at most ${most}`);

const HttpUrl = z.url({ protocol: /^https?$/, error: 'must be http://… or https://…' });

/** Whoever can change these keys on their way makes tokens for everyone. */
const KeysUrl = HttpUrl.refine(
  (text) => !URL.canParse(text) || new URL(text).protocol === 'https:' || isLoopback(new URL(text).hostname),
  'must be https://…: plain http is for loopback only',
);

/** The variables, in the order of the documentation. */
export const ApiVariables = z.object({
  SLUICE_API_HTTP: z
    .string()
    .regex(/^.+:\d{1,5}$/, 'must be HOST:PORT')
    .transform((text) => {
      const at = text.lastIndexOf(':');
      return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
    })
    .prefault('127.0.0.1:8235')
    .describe('Where the API listens, as `host:port`.'),
  SLUICE_API_KEYS_FILE: z
    .string()
    .optional()
    .describe('File with the static keys: names, hashes, roles, tenants. `sluice api key` creates an entry.'),
  SLUICE_API_JWT_JWKS_URL: KeysUrl.optional().describe(
    'URL at which an identity provider publishes its keys, `https` beyond this machine; turns JSON Web Tokens on.',
  ),
  SLUICE_API_JWT_ISSUER: z.string().optional().describe('Issuer (`iss`) that a JWT must name.'),
  SLUICE_API_JWT_AUDIENCE: z.string().optional().describe('Audience (`aud`) that a JWT must name.'),
  SLUICE_API_JWT_ROLES_CLAIM: z
    .string()
    .default('roles')
    .describe(
      'Claim of a JWT with its roles: a list, or words. A dot descends into an object (`realm_access.roles`).',
    ),
  SLUICE_API_JWT_GROUPS_CLAIM: z
    .string()
    .default('groups')
    .describe('Claim of a JWT with the groups of a person, in the same form: roles that tasks name.'),
  SLUICE_API_JWT_TENANTS_CLAIM: z
    .string()
    .default('tenants')
    .describe('Claim of a JWT with its tenants, in the same form; `*` is all of them.'),
  SLUICE_API_RATE: count(100_000).default(50).describe('Requests per second that one token may send.'),
  SLUICE_API_BURST: count(1_000_000)
    .default(200)
    .describe('Requests beyond that which a token may send at once; a pause of 10 s restores them.'),
  SLUICE_API_IDEMPOTENCY_HOURS: count(8_760)
    .default(24)
    .describe('How long the API remembers an idempotency key.'),
  SLUICE_API_CODEC_ORIGINS: z
    .string()
    .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
    .refine(
      (origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
      'must be origins, as https://HOST or https://HOST:PORT, joined by commas',
    )
    .prefault('')
    .describe(
      "Origins of pages that may call the codec endpoint, joined by commas: that of Temporal's Web UI (docs/encryption.md).",
    ),
  SLUICE_API_URL: HttpUrl.optional().describe(
    'URL at which commands of `sluice` find the API. Default: they read the database, which must be a server.',
  ),
  SLUICE_API_TOKEN: z.string().optional().describe('Token that these commands send.'),
});
export type ApiVariables = z.infer<typeof ApiVariables>;

/** An API as a command reaches it. */
export interface ApiPlace {
  readonly url: string;
  readonly token: string | undefined;
}

/**
 * Reads the API that commands call.
 * @returns undefined where SLUICE_API_URL is not set
 * @throws SluiceError CONFIG_INVALID
 */
export function loadApiPlace(env: Environment): ApiPlace | undefined {
  const { SLUICE_API_URL: url, SLUICE_API_TOKEN: token } = apiVariables(env);
  return url === undefined ? undefined : { url, token };
}

/**
 * Reads the variables.
 * @throws SluiceError CONFIG_INVALID
 */
export function apiVariables(env: Environment): ApiVariables {
  const set = Object.fromEntries(
    Object.keys(ApiVariables.shape).flatMap((name) => {
      const value = env[name]?.trim() ?? '';
      return value === '' ? [] : [[name, value]];
    }),
  );
  const parsed = ApiVariables.safeParse(set);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`));
}

/** The error CONFIG_INVALID with every problem. */
export function invalid(problems: readonly string[]): SluiceError {
  return new SluiceError('CONFIG_INVALID', problems.join('; '), { details: [...problems] });
}
