/**
 * The codec endpoint: Temporal's Web UI and its command line send it payloads, and it decrypts and encrypts
 * them (https://docs.temporal.io/production-deployment/data-encryption).
 *
 * Invariants
 * - A payload does not name its tenant, so a caller must be bound to all tenants, and needs the role
 *   `codec` or `admin`.
 * - Pages of the origins in SLUICE_API_CODEC_ORIGINS may read the answers, no others.
 * - Without a key ring a payload passes through as it is.
 */
import type { Payload } from '@temporalio/common';
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import { cors } from 'hono/cors';
import { SluiceError } from '../contracts/errors.js';
import { ALL_TENANTS } from './auth/principal.js';
import { operation, type Api, type ApiEnv } from './http/operation.js';

export const CODEC_PATH = '/v1/codec';
/** Seconds for which a browser need not ask again whether a page may call. */
const PREFLIGHT_S = 600;

const WirePayload = z
  .object({
    metadata: z.record(z.string(), z.base64()).optional(),
    data: z.base64().optional(),
  })
  .openapi('Payload', {
    description: "A payload of Temporal's, in the JSON form of protobuf: bytes are base64.",
  });
const Payloads = z.object({ payloads: z.array(WirePayload) }).openapi('Payloads');

/** Lets pages of the named origins read what the endpoint answers. Before the routes. */
export function allowCodecOrigins(app: OpenAPIHono<ApiEnv>, origins: readonly string[]): void {
  if (origins.length === 0) return;
  app.use(
    `${CODEC_PATH}/*`,
    cors({
      origin: [...origins],
      allowMethods: ['POST'],
      allowHeaders: ['Authorization', 'Content-Type', 'X-Namespace'],
      maxAge: PREFLIGHT_S,
    }),
  );
}

export function addCodecRoutes(api: Api): void {
  const { payloadCodecs } = api.deps.client.temporal.options.loadedDataConverter;
  const acts = {
    decode: {
      operationId: 'decodePayloads',
      summary: 'Decrypt payloads',
      run: async (payloads: Payload[]) => {
        let decoded = payloads;
        for (const codec of [...payloadCodecs].reverse()) decoded = await codec.decode(decoded);
        return decoded;
      },
    },
    encode: {
      operationId: 'encodePayloads',
      summary: 'Encrypt payloads',
      run: async (payloads: Payload[]) => {
        let encoded = payloads;
        for (const codec of payloadCodecs) encoded = await codec.encode(encoded);
        return encoded;
      },
    },
  } as const;
  for (const [name, { run, ...texts }] of Object.entries(acts)) {
    operation(
      api,
      {
        method: 'post',
        path: `${CODEC_PATH}/${name}`,
        tag: 'codec',
        ...texts,
        description: `For the setting "codec endpoint" of Temporal's Web UI and of \`temporal --codec-endpoint\`: the address of this API with ${CODEC_PATH}. The token must be bound to all tenants.`,
        capability: 'codec',
        idempotency: 'none',
        body: { schema: Payloads },
        answers: { 200: { description: 'The payloads, in their order', schema: Payloads } },
        audited: () => name === 'decode',
        errors: ['KEY_UNKNOWN'],
      },
      async ({ c, principal, body }) => {
        if (!principal.tenants.includes(ALL_TENANTS)) {
          throw new SluiceError(
            'TENANT_FORBIDDEN',
            'A payload does not tell its tenant, so the token must be bound to all of them (*).',
          );
        }
        return c.json({ payloads: (await run(body.payloads.map(fromWire))).map(toWire) });
      },
    );
  }
}

function fromWire({ metadata, data }: z.output<typeof WirePayload>): Payload {
  return {
    ...(metadata !== undefined && {
      metadata: Object.fromEntries(Object.entries(metadata).map(([name, text]) => [name, bytesOf(text)])),
    }),
    ...(data !== undefined && { data: bytesOf(data) }),
  };
}

function toWire({ metadata, data }: Payload): z.output<typeof WirePayload> {
  return {
    ...(metadata && {
      metadata: Object.fromEntries(Object.entries(metadata).map(([name, part]) => [name, textOf(part)])),
    }),
    ...(data && { data: textOf(data) }),
  };
}

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
const textOf = (part: Uint8Array): string => Buffer.from(part).toString('base64');
