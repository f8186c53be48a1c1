/**
 * JSON Web Tokens of an identity provider, checked by the keys that it publishes (JWKS).
 *
 * Signatures by a public key only: a token signed with a shared secret, or not at all, is none. Issuer, audience and
 * expiry are required. The provider's keys are cached by the library and fetched again for a key id it has not seen.
 */
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload } from 'jose';
import { SluiceError } from '../../contracts/errors.js';
import { Role, TenantGrant, type Principal } from './principal.js';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** Seconds by which clocks may differ. */
const CLOCK_TOLERANCE_S = 5;

export interface JwtOptions {
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  /** Claim with the roles; a dot goes into an object. */
  readonly rolesClaim: string;
  /** Claim with the tenants. */
  readonly tenantsClaim: string;
}

/** @returns the principal; undefined where the token is none that counts. IDENTITY_PROVIDER_UNAVAILABLE */
export type VerifyJwt = (token: string) => Promise<Principal | undefined>;

export function jwtVerifier(options: JwtOptions): VerifyJwt {
  const { issuer, audience, rolesClaim, tenantsClaim } = options;
  const away = (cause: unknown): SluiceError =>
    new SluiceError(
      'IDENTITY_PROVIDER_UNAVAILABLE',
      `The keys at ${options.jwksUrl} cannot be fetched: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  const keys = createRemoteJWKSet(new URL(options.jwksUrl), {
    [customFetch]: (url, init) =>
      fetch(url, init).catch((error: unknown) => {
        throw away(error);
      }),
  });
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['exp', 'sub'],
      });
      return {
        name: String(payload.sub).slice(0, 200),
        roles: listOf(payload, rolesClaim).flatMap((role) => Role.safeParse(role).data ?? []),
        tenants: listOf(payload, tenantsClaim).flatMap((tenant) => TenantGrant.safeParse(tenant).data ?? []),
      };
    } catch (error) {
      if (isNoKeySet(error)) throw away(error);
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  };
}

/** What came is no key set: the library says so by these two, or by an error of the bare base class. */
function isNoKeySet(error: unknown): boolean {
  return (
    error instanceof errors.JWKSInvalid ||
    error instanceof errors.JWKSTimeout ||
    (error instanceof errors.JOSEError && error.constructor === errors.JOSEError)
  );
}

/** Entries of a claim: a list, or words in one string as `scope` has them. */
function listOf(payload: JWTPayload, claim: string): readonly unknown[] {
  // A name with dots may be the claim itself (`https://…/roles`) before it is a path.
  let value: unknown = payload[claim];
  if (value === undefined) {
    value = payload;
    for (const part of claim.split('.')) {
      value =
        typeof value === 'object' && value !== null && Object.hasOwn(value, part)
          ? (value as Record<string, unknown>)[part]
          : undefined;
    }
  }
  if (typeof value === 'string') return value.split(/[\s,]+/);
  return Array.isArray(value) ? value : [];
}
