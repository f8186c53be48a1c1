import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { SEARCH_ATTRIBUTES } from '../../contracts/messages.js';

const source = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8');
const Service = z.object({
  image: z.string().regex(/:[^:]*\d/, 'a pinned version'),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  command: z.array(z.string()).optional(),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  volumes: z.array(z.string()).optional(),
  ports: z.array(z.string()).optional(),
});
const { services, volumes } = z
  .object({ services: z.record(z.string(), Service), volumes: z.record(z.string(), z.unknown()) })
  .parse(parse(source, { merge: true, prettyErrors: true }));

it('has every service of a deployment', () => {
  expect(Object.keys(services)).toEqual(
    expect.arrayContaining(['postgres', 'temporal', 'temporal-ui', 'surrealdb', 'redis', 'worker']),
  );
});

it('waits only for services that exist, and by a health check that they have', () => {
  for (const { depends_on: needed = {} } of Object.values(services)) {
    for (const [name, { condition }] of Object.entries(needed)) {
      expect(Object.keys(services)).toContain(name);
      if (condition === 'service_healthy') expect(services[name]?.healthcheck, name).toBeDefined();
    }
  }
});

it('declares every volume that a service mounts', () => {
  const mounted = Object.values(services).flatMap((service) => service.volumes ?? []);
  const named = mounted.map((volume) => volume.split(':')[0] ?? '').filter((name) => /^\w/.test(name));
  expect(named.filter((name) => !Object.hasOwn(volumes, name))).toEqual([]);
});

it('has no default password, and publishes ports on loopback only', () => {
  const secrets = Object.values(services).flatMap((service) =>
    Object.entries(service.environment ?? {}).filter(([name]) => /PASS|PWD/.test(name)),
  );
  expect(secrets.length).toBeGreaterThan(3);
  for (const [name, value] of secrets) expect(value, name).toMatch(/^\$\{\w+:\?/);
  const ports = Object.values(services).flatMap((service) => service.ports ?? []);
  for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});

it('registers every search attribute with its type', () => {
  const command = services['temporal-search-attributes']?.command?.join(' ') ?? '';
  for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) {
    expect(command).toContain(`--name ${name} --type ${type}`);
  }
});
