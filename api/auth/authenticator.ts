/** Authenticates requests: from the header Authorization to a principal. */
import { SluiceError } from '../../contracts/errors.js';
import { jwtVerifier, type JwtOptions } from './jwt.js';
import { keyFinder, looksLikeKey, type KeyEntry } from './keys.js';
import { ALL_TENANTS, type Principal } from './principal.js';

/** How callers authenticate. `off`: not at all, on a developer's machine. */
export type AuthConfig =
  | { readonly kind: 'off' }
  | {
      readonly kind: 'tokens';
      readonly keys: readonly KeyEntry[];
      /** The file of the keys, which is read again when it has changed; absent: the keys never change. */
      readonly keysFile?: string | undefined;
      readonly jwt: JwtOptions | undefined;
    };

/** @throws SluiceError UNAUTHENTICATED, IDENTITY_PROVIDER_UNAVAILABLE */
export type Authenticate = (authorization: string | undefined) => Promise<Principal>;

/** Most characters of a token. */
const TOKEN_CHARACTERS = 16_384;

const DEVELOPER: Principal = { kind: 'off', name: 'developer', roles: ['admin'], tenants: [ALL_TENANTS] };

/**
 * Makes the check of a request's token.
 * @param now the clock, epoch ms
 * @param keys the keys as they are now; default: those of the configuration
 */
export function authenticator(
  config: AuthConfig,
  now: () => number,
  keys?: () => readonly KeyEntry[],
): Authenticate {
  if (config.kind === 'off') return () => Promise.resolve(DEVELOPER);
  const findKey = keyFinder(keys ?? (() => config.keys), now);
  const verify = config.jwt === undefined ? undefined : jwtVerifier(config.jwt);
  return async (authorization) => {
    if (authorization === undefined) throw refused('The request has no header Authorization.');
    const token = /^bearer +([^\s]+)$/i.exec(authorization)?.[1];
    if (token === undefined || token.length > TOKEN_CHARACTERS) {
      throw refused('The header Authorization is not `Bearer TOKEN`.');
    }
    // One answer for an unknown key, an expired key and a forged JWT: a caller must not tell them apart.
    const principal = looksLikeKey(token) ? findKey(token) : await verify?.(token);
    if (principal === undefined) throw refused('The token is not valid.');
    return principal;
  };
}

function refused(message: string): SluiceError {
  return new SluiceError('UNAUTHENTICATED', message);
}
