import { describe, expect, it } from 'vitest';
import { createTargetGuard, isPublicAddress, type Resolver } from '../../actions/http/target-guard.js';

const resolver =
  (...addresses: string[]): Resolver =>
  (_name, _options, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

const lookUp = (guard: ReturnType<typeof createTargetGuard>, name: string, all: boolean) =>
  new Promise((resolve, reject) => {
    guard.lookup(name, { all }, (error, address) => {
      if (error === null) resolve(address);
      else reject(error);
    });
  });

describe('public addresses', () => {
  it.each(['8.8.8.8', '93.184.216.34', '172.15.0.1', '172.32.0.1', '2606:4700:4700::1111', '::ffff:8.8.8.8'])(
    'the address %s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    ['loopback', '127.0.0.1'],
    ['loopback, another', '127.8.9.10'],
    ['loopback v6', '::1'],
    ['unspecified', '0.0.0.0'],
    ['this network', '0.1.2.3'],
    ['unspecified v6', '::'],
    ['private 10/8', '10.1.2.3'],
    ['private 172.16/12', '172.16.0.1'],
    ['private 172.16/12, last', '172.31.255.255'],
    ['private 192.168/16', '192.168.0.1'],
    ['link-local', '169.254.0.1'],
    ['metadata of AWS, GCP and Azure', '169.254.169.254'],
    ['metadata of Alibaba (shared address space)', '100.100.100.200'],
    ['metadata of AWS over IPv6', 'fd00:ec2::254'],
    ['unique local', 'fd12:3456::1'],
    ['link-local v6', 'fe80::1'],
    ['link-local v6 with zone', 'fe80::1%eth0'],
    ['site-local v6', 'fec0::1'],
    ['multicast', '224.0.0.1'],
    ['multicast v6', 'ff02::1'],
    ['broadcast', '255.255.255.255'],
    ['documentation', '203.0.113.7'],
    ['benchmarking', '198.18.0.1'],
    ['IPv4-mapped loopback', '::ffff:127.0.0.1'],
    ['IPv4-mapped private, in hex', '::ffff:a00:1'],
    ['IPv4-compatible loopback', '::7f00:1'],
    ['NAT64 of loopback', '64:ff9b::7f00:1'],
    ['local NAT64', '64:ff9b:1::a00:1'],
    ['6to4 of a private address', '2002:a00:1::'],
    ['Teredo', '2001::1'],
    ['not an address', 'localhost'],
  ])('an address that is not public (%s) is refused: %s', (_why, address) =>
    expect(isPublicAddress(address)).toBe(false),
  );
});

describe('a URL', () => {
  const guard = createTargetGuard([]);
  it.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f.0.0.1/',
    'http://0177.0.0.1/',
    'http://[::1]:8080/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fd00::1]/',
    'https://10.0.0.1/',
    'ftp://example.com/',
    'file:///etc/passwd',
  ])('the URL %s is refused', (url) => {
    expect(() => guard.check(new URL(url))).toThrow(
      expect.objectContaining({ code: 'HTTP_TARGET_REFUSED' }) as Error,
    );
  });

  it.each(['https://example.com/', 'http://8.8.8.8/', 'http://[2606:4700::1]/'])(
    'the URL %s passes the guard',
    (url) => {
      expect(() => guard.check(new URL(url))).not.toThrow();
    },
  );
});

describe('an address of a cloud provider', () => {
  it.each([
    '168.63.129.16',
    '::ffff:168.63.129.16',
    '169.254.169.254',
    '100.100.100.200',
    '192.0.0.192',
    'fd00:ec2::254',
  ])('%s is not public', (address) => expect(isPublicAddress(address)).toBe(false));
});

describe('a look-up', () => {
  it.each([true, false])('a look-up returns public addresses (all: %s)', async (all) => {
    const address = await lookUp(createTargetGuard([], resolver('8.8.8.8')), 'example.com', all);
    expect(address).toEqual(all ? [{ address: '8.8.8.8', family: 4 }] : '8.8.8.8');
  });

  it.each([[['127.0.0.1']], [['8.8.8.8', '10.0.0.1']], [['::ffff:10.0.0.1']], [[]]])(
    'a look-up refuses a name with the addresses %j',
    async (addresses) => {
      const guard = createTargetGuard([], resolver(...addresses));
      await expect(lookUp(guard, 'rebound.example', true)).rejects.toMatchObject({
        code: 'HTTP_TARGET_REFUSED',
      });
    },
  );

  it('a look-up passes on the error of the name server', async () => {
    const guard = createTargetGuard([], (_name, _options, done) =>
      done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []),
    );
    await expect(lookUp(guard, 'none.example', true)).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});

describe('an allowed host', () => {
  const guard = createTargetGuard(
    ['Internal.example', '*.corp.example', '127.0.0.1:8080', '[::1]:9090', 'db.example:5432'],
    resolver('10.0.0.1'),
  );

  it.each([
    'http://internal.example/',
    'http://INTERNAL.example.:99/',
    'http://a.b.corp.example/',
    'http://127.0.0.1:8080/',
    'http://[::1]:9090/',
    'http://db.example:5432/',
  ])('the allowed URL %s passes the guard', (url) => expect(() => guard.check(new URL(url))).not.toThrow());

  it.each(['http://127.0.0.1:8081/', 'http://[::1]/', 'http://db.example/', 'http://127.0.0.1/'])(
    'an allowed host on another port is refused: %s',
    (url) => expect(() => guard.check(new URL(url))).toThrow(/HTTP_TARGET|port/),
  );

  it('an allowed host may have a private address, but a host with a similar name may not', async () => {
    expect(await lookUp(guard, 'internal.example', false)).toBe('10.0.0.1');
    expect(await lookUp(guard, 'x.corp.example', false)).toBe('10.0.0.1');
    expect(await lookUp(guard, 'db.example', false)).toBe('10.0.0.1');
    for (const name of [
      'corp.example',
      'notcorp.example',
      'xinternal.example',
      'internal.example.evil.com',
    ]) {
      await expect(lookUp(guard, name, false)).rejects.toMatchObject({ code: 'HTTP_TARGET_REFUSED' });
    }
  });
});
