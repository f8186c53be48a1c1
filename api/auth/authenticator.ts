/** From the header Authorization to a principal. */
import { SluiceError } from '../../contracts/errors.js';
import { jwtVerifier, type JwtOptions } from './jwt.js';
import { keyFinder, looksLikeKey, type KeyEntry } from './keys.js';
import { ALL_TENANTS, type Principal } from './principal.js';

/** How callers show who they are. `off`: they do not, on a developer's own machine. */
export type AuthConfig =
  | { readonly kind: 'off' }
  | { readonly kind: 'tokens'; readonly keys: readonly KeyEntry[]; readonly jwt: JwtOptions | undefined };

/** @throws SluiceError UNAUTHENTICATED, IDENTITY_PROVIDER_UNAVAILABLE */
export type Authenticate = (authorization: string | undefined) => Promise<Principal>;

/** Longer ones are no token. */
const MOST_CHARACTERS = 16_384;

const DEVELOPER: Principal = { name: 'developer', roles: ['admin'], tenants: [ALL_TENANTS] };

/** @param now epoch ms */
export function authenticator(config: AuthConfig, now: () => number): Authenticate {
  if (config.kind === 'off') return () => Promise.resolve(DEVELOPER);
  const findKey = keyFinder(config.keys, now);
  const verify = config.jwt === undefined ? undefined : jwtVerifier(config.jwt);
  return async (authorization) => {
    if (authorization === undefined) throw refused('The request has no header Authorization.');
    const token = /^bearer +([^\s]+)$/i.exec(authorization)?.[1];
    if (token === undefined || token.length > MOST_CHARACTERS) {
      throw refused('The header Authorization is not `Bearer TOKEN`.');
    }
    // Not to be told apart by an answer: an unknown key, one that has expired, a forged JWT.
    const principal = looksLikeKey(token) ? findKey(token) : await verify?.(token);
    if (principal === undefined) throw refused('The token is not valid.');
    return principal;
  };
}

function refused(message: string): SluiceError {
  return new SluiceError('UNAUTHENTICATED', message);
}
