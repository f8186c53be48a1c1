/** Middleware for an API without tokens. The rule: contracts/http/pages.ts. */
import type { Context, Next } from 'hono';
import { SluiceError } from '../../contracts/errors.js';
import { whyForeign } from '../../contracts/http/pages.js';

/** Refuses requests of foreign pages. @throws SluiceError FORBIDDEN */
export async function refuseForeignPages(c: Context, next: Next): Promise<void> {
  const [host, origin, site] = [c.req.header('Host'), c.req.header('Origin'), c.req.header('Sec-Fetch-Site')];
  const why = whyForeign({ host, origin, site }, 'the API');
  if (why !== undefined) throw new SluiceError('FORBIDDEN', why);
  await next();
}
