/**
 * Without tokens, a door on loopback (API or bridge) trusts every caller. That is the developer, but also
 * every page in the developer's browser.
 *
 * Invariant: a door without tokens answers no page of another origin, and no page that reached it under
 * another name (DNS rebinding). Other programs send neither Origin nor Sec-Fetch-Site, and pass.
 */

/** `localhost`, 127.0.0.0/8, `::1`, and 127.0.0.0/8 as IPv6. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\])$/;

/** True for an address or a name that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, '');
  const url = `http://${plain.includes(':') ? `[${plain}]` : plain}`;
  // The URL has each form of an address as one: 127.1 is 127.0.0.1.
  return URL.canParse(url) && LOOPBACK.test(new URL(url).hostname);
}

/** Headers of a request. */
export interface PageHeaders {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`. */
  readonly site: string | undefined;
}

/** Values of Sec-Fetch-Site that pass: an address that a person typed, and the door's own pages. */
const OWN_SITES: ReadonlySet<string> = new Set(['none', 'same-origin']);

/**
 * Why a door without tokens refuses a request.
 * @param door in the message, such as `the API`
 * @returns undefined: it is answered
 */
export function whyForeign({ host = '', origin, site }: PageHeaders, door: string): string | undefined {
  const name = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : '';
  if (!isLoopback(name)) return `Without tokens ${door} answers only on loopback host names.`;
  const foreign =
    (origin !== undefined && origin !== `http://${host}`) || (site !== undefined && !OWN_SITES.has(site));
  return foreign ? `Without tokens ${door} refuses requests from pages of other origins.` : undefined;
}
