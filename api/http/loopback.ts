/**
 * Without tokens, the API trusts every caller. On loopback that is the developer, but also every page in the
 * developer's browser. So requests from a page of another origin, or to another host name (DNS rebinding),
 * are refused.
 */
import type { Context, Next } from 'hono';
import ipaddr from 'ipaddr.js';
import { SluiceError } from '../../contracts/errors.js';

/** True for an address or a name that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, '');
  if (plain === 'localhost') return true;
  return ipaddr.isValid(plain) && ipaddr.process(plain).range() === 'loopback';
}

/** Middleware that refuses them. @throws SluiceError FORBIDDEN */
export async function refuseForeignPages(c: Context, next: Next): Promise<void> {
  const host = c.req.header('Host') ?? '';
  const name = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : '';
  if (!isLoopback(name)) {
    throw new SluiceError('FORBIDDEN', 'Without tokens the API answers only on loopback host names.');
  }
  const origin = c.req.header('Origin');
  const site = c.req.header('Sec-Fetch-Site');
  const foreign = (origin !== undefined && origin !== `http://${host}`) || site === 'cross-site';
  if (foreign) {
    throw new SluiceError(
      'FORBIDDEN',
      'Without tokens the API refuses requests from pages of other origins.',
    );
  }
  await next();
}
