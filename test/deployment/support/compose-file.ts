/** docker-compose.yml as compose reads it: anchors merged, variables put in. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const Seconds = z
  .string()
  .regex(/^\d+s$/)
  .transform((text) => Number(text.slice(0, -1)));
const Port = z.string().regex(/^127\.0\.0\.1:\d+:\d+$/, 'is published on loopback only');

const Service = z.strictObject({
  image: z
    .string()
    .regex(
      /^(?:[\w./-]+:v?\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}|sluice(?:-\w+)?:\d+\.\d+\.\d+)$/,
      'has an exact version and a digest, or is built here',
    ),
  build: z.union([z.string(), z.strictObject({ context: z.string(), dockerfile: z.string() })]).optional(),
  platform: z.string().optional(),
  init: z.boolean().optional(),
  read_only: z.boolean().optional(),
  tmpfs: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  cap_add: z.array(z.string()).optional(),
  mem_limit: z.string().optional(),
  shm_size: z.string().optional(),
  cpus: z.number().optional(),
  pids_limit: z.number().optional(),
  networks: z.array(z.string()).default([]),
  network_mode: z.string().optional(),
  security_opt: z.array(z.string()).optional(),
  user: z.string().optional(),
  restart: z.enum(['unless-stopped', 'on-failure']),
  deploy: z.strictObject({ replicas: z.number() }).optional(),
  depends_on: z
    .record(
      z.string(),
      z.strictObject({ condition: z.enum(['service_healthy', 'service_completed_successfully']) }),
    )
    .default({}),
  environment: z.record(z.string(), z.union([z.string(), z.number()]).transform(String)).default({}),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  healthcheck: z
    .strictObject({
      test: z.array(z.string()).min(2),
      interval: Seconds,
      timeout: Seconds,
      retries: z.number(),
    })
    .optional(),
  volumes: z.array(z.string()).default([]),
  secrets: z.array(z.string()).default([]),
  configs: z.array(z.strictObject({ source: z.string(), target: z.string() })).default([]),
  ports: z.array(Port).default([]),
  stop_grace_period: Seconds.optional(),
});
export type Service = z.infer<typeof Service>;

const Compose = z.looseObject({
  name: z.string(),
  services: z.record(z.string(), Service),
  volumes: z.record(z.string(), z.null()),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
  configs: z.record(z.string(), z.strictObject({ content: z.string() })),
  networks: z.record(z.string(), z.strictObject({ internal: z.boolean() }).nullable()),
});
export type Compose = z.infer<typeof Compose>;

const composeText = readFileSync(new URL('../../../docker-compose.yml', import.meta.url), 'utf8');

/** The document, before variables are put in. */
export const composeDocument = parse(composeText, { merge: true, prettyErrors: true }) as Record<
  string,
  unknown
>;

/**
 * The services with what the environment gives.
 * @throws Error as compose does, where a variable that has no default is missing
 */
export function readCompose(env: Readonly<Record<string, string>>): Compose {
  return Compose.parse(putIn(composeDocument, env));
}

/** Temporal's dynamic configuration, as `KEY=VALUE`. */
export function temporalSettings({ services, configs }: Compose): string[] {
  const [mounted] = services['temporal']?.configs ?? [];
  const content = parse(configs[mounted?.source ?? '']?.content ?? '') as Record<
    string,
    [{ value: unknown }]
  >;
  return Object.entries(content).map(([key, [{ value }]]) => `${key}=${JSON.stringify(value)}`);
}

/** The variables that compose must be given. */
export function requiredVariables(): string[] {
  return [...new Set([...composeText.matchAll(/\$\{(\w+):\?/g)].map((found) => found[1] as string))];
}

function putIn(node: unknown, env: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(node)) return node.map((item) => putIn(item, env));
  if (node !== null && typeof node === 'object') {
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, putIn(value, env)]));
  }
  return typeof node === 'string' ? interpolate(node, env) : node;
}

function interpolate(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$(?:\$|\{(\w+)(?::([-?])([^}]*))?\})/g,
    (whole, name: string | undefined, kind?: string, rest = '') => {
      if (name === undefined) return whole === '$$' ? '$' : whole;
      const value = env[name] ?? '';
      if (value !== '') return value;
      if (kind === '-') return rest as string;
      if (kind === '?') throw new Error(`required variable ${name} is missing a value: ${rest}`);
      return '';
    },
  );
}
