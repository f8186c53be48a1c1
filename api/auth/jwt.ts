/**
 * Verifies JSON Web Tokens of an identity provider with the keys that it publishes (JWKS).
 *
 * Only signatures with a public key count: a token that is signed with a shared secret, or not signed, is
 * refused. Issuer, audience and expiry are required. The library caches the provider's keys and fetches them
 * again for an unknown key id.
 */
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload } from 'jose';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { GroupName, MOST_GROUPS, PrincipalName, Role, TenantGrant, type Principal } from './principal.js';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** Tolerated clock skew, seconds. */
const CLOCK_TOLERANCE_S = 5;

export interface JwtOptions {
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  /** Claim with the roles; a dot separates the names of nested objects. */
  readonly rolesClaim: string;
  /** Claim with the groups; absent: none. */
  readonly groupsClaim?: string;
  /** Claim with the tenants. */
  readonly tenantsClaim: string;
}

/**
 * @returns the principal; undefined if the token is not valid
 * @throws SluiceError IDENTITY_PROVIDER_UNAVAILABLE
 */
export type VerifyJwt = (token: string) => Promise<Principal | undefined>;

export function jwtVerifier(options: JwtOptions): VerifyJwt {
  const { issuer, audience, rolesClaim, groupsClaim, tenantsClaim } = options;
  const unavailable = (cause: unknown): SluiceError =>
    new SluiceError(
      'IDENTITY_PROVIDER_UNAVAILABLE',
      `The keys at ${options.jwksUrl} cannot be fetched: ${messageOf(cause)}`,
      { cause },
    );
  const keys = createRemoteJWKSet(new URL(options.jwksUrl), {
    [customFetch]: (url, init) =>
      fetch(url, init).catch((error: unknown) => {
        throw unavailable(error);
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
      const name = PrincipalName.safeParse(payload.sub);
      if (!name.success) return undefined;
      return {
        kind: 'jwt',
        issuer,
        name: name.data,
        roles: listOf(payload, rolesClaim).flatMap((role) => Role.safeParse(role).data ?? []),
        ...(groupsClaim !== undefined && {
          groups: listOf(payload, groupsClaim)
            .flatMap((group) => GroupName.safeParse(group).data ?? [])
            .slice(0, MOST_GROUPS),
        }),
        tenants: listOf(payload, tenantsClaim).flatMap((tenant) => TenantGrant.safeParse(tenant).data ?? []),
      };
    } catch (error) {
      if (isInvalidKeySet(error)) throw unavailable(error);
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  };
}

/** The answer was not a key set: the library throws one of these two, or an error of the bare base class. */
function isInvalidKeySet(error: unknown): boolean {
  return (
    error instanceof errors.JWKSInvalid ||
    error instanceof errors.JWKSTimeout ||
    (error instanceof errors.JOSEError && error.constructor === errors.JOSEError)
  );
}

/** Entries of a claim: a list, or words in one string, as in `scope`. */
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
