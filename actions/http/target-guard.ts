/**
 * Which hosts `http.request` may talk to.
 *
 * Invariant: a connection is opened only to a global unicast address, or to a host that the worker's
 * configuration names. The check is a part of the look-up that the socket uses, so the socket connects to the
 * address that was checked: a second answer of the name server (DNS rebinding) is checked again or never
 * requested. A literal address in the URL never reaches a look-up; `check` refuses it first.
 *
 * What breaks it: an address range that counts as global but leads to a private network. So this lists what
 * is allowed (IPv4 unicast, IPv6 2000::/3 unicast), not what is refused. Ranges that embed an IPv4 address
 * (mapped, 6to4, Teredo, NAT64) are refused as a whole, except mapped addresses, which are unwrapped.
 */
import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { SluiceError } from '../../contracts/errors.js';

/** Resolves a name to all its addresses, as `dns.lookup` does with `all: true`. */
export type Resolver = (
  hostname: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface TargetGuard {
  /**
   * Refuses a URL before anything is sent.
   * @throws SluiceError HTTP_TARGET_REFUSED for a scheme other than http(s) or a literal private address
   */
  check(url: URL): void;
  /** A look-up for sockets that returns only checked addresses. */
  readonly lookup: LookupFunction;
}

const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Addresses that look public and are not: each machine of a cloud reaches its own provider there, with what
 * it tells this machine alone. Others of this kind are in ranges that are refused anyway: 169.254.169.254,
 * 100.100.100.200, 192.0.0.192, fd00:ec2::254.
 */
const PROVIDER_ADDRESSES: ReadonlySet<string> = new Set([
  // Azure: the agent of the virtual machine, DHCP and DNS.
  '168.63.129.16',
]);

/** True for an address on the public internet. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast' || PROVIDER_ADDRESSES.has(parsed.toString())) return false;
  return parsed.kind() === 'ipv4' || (parsed as ipaddr.IPv6).match(GLOBAL_IPV6);
}

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');
const withoutDot = (host: string): string => host.replace(/\.$/, '').toLowerCase();

function refused(host: string, why: string): SluiceError {
  return new SluiceError('HTTP_TARGET_REFUSED', `The host ${host} is refused: ${why}`, { details: { host } });
}

/**
 * Creates the guard.
 * @param allowHosts hosts that may be private: `host`, `host:port` or `*.domain`; an IPv6 address in brackets
 * @param resolve resolves names; default: the system's resolver
 */
export function createTargetGuard(
  allowHosts: readonly string[],
  resolve: Resolver = systemLookup,
): TargetGuard {
  const allowed = allowHosts.map((entry) => withoutDot(entry.trim()));
  const hostAllowed = (hostname: string): boolean => {
    const host = withoutDot(withoutBrackets(hostname));
    return allowed.some((entry) => {
      if (entry.startsWith('*.')) return host.endsWith(entry.slice(1)) && isIP(host) === 0;
      return withoutBrackets(entry) === host;
    });
  };
  const portAllowed = (url: URL): boolean => {
    const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
    return allowed.includes(`${withoutDot(url.hostname)}:${port}`);
  };
  /** Names allowed by an entry with a port: the look-up gets only the name, and `check` has seen the port. */
  const namesWithPort = new Set(
    allowed.flatMap((entry) => /^(.+):\d+$/.exec(entry)?.[1] ?? []).map(withoutBrackets),
  );

  return {
    check(url) {
      if (url.protocol !== 'http:' && url.protocol !== 'https:') {
        throw refused(url.href, 'only http and https are spoken');
      }
      if (hostAllowed(url.hostname) || portAllowed(url)) return;
      const host = withoutBrackets(url.hostname);
      if (namesWithPort.has(withoutDot(host)) && !isPublicLiteral(host)) {
        throw refused(url.host, 'the worker allows this host on another port only');
      }
      if (isIP(host) !== 0 && !isPublicAddress(host)) {
        throw refused(url.host, 'the address is not on the public internet');
      }
    },
    lookup(hostname, options, done) {
      resolve(hostname, { ...options, all: true }, (error, addresses) => {
        if (error !== null) return done(error, '', 0);
        const first = addresses[0];
        if (first === undefined) return done(refused(hostname, 'it has no address'), '', 0);
        const trusted = hostAllowed(hostname) || namesWithPort.has(withoutDot(hostname));
        const inside = trusted ? undefined : addresses.find(({ address }) => !isPublicAddress(address));
        if (inside !== undefined) {
          return done(
            refused(hostname, `its address ${inside.address} is not on the public internet`),
            '',
            0,
          );
        }
        if (options.all === true) return done(null, addresses);
        return done(null, first.address, first.family);
      });
    },
  };
}

const isPublicLiteral = (host: string): boolean => isIP(host) !== 0 && isPublicAddress(host);
