/** Middleware for an API without tokens. The rule: contracts/http/pages.ts. */
import type { Context, Next } from 'hono';
import { SluiceError } from '../../contracts/errors.js';
import { whyForeign } from '../../contracts/http/pages.js';

/**
 * Refuses requests of foreign pages.
 * @param allowed says which origins may call a path all the same
 */
export function refuseForeignPages(allowed: (path: string) => readonly string[]) {
  /** @throws SluiceError FORBIDDEN */
  return async (c: Context, next: Next): Promise<void> => {
    const host = c.req.header('Host');
    const origin = c.req.header('Origin');
    const site = c.req.header('Sec-Fetch-Site');
    const named = origin !== undefined && allowed(c.req.path).includes(origin);
    // A page that reached this door under another name is refused in any case.
    const why = whyForeign(
      named ? { host, origin: undefined, site: undefined } : { host, origin, site },
      'the API',
    );
    if (why !== undefined) throw new SluiceError('FORBIDDEN', why);
    await next();
  };
}
