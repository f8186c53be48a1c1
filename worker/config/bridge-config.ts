/**
 * Configuration of the event bridge, from the environment. The rules are those of config.ts: blank is unset,
 * every invalid variable is named, no value is shown.
 */
import { z } from 'zod';
import { isLoopback } from '../../contracts/http/pages.js';
import { CorrelationPaths } from '../../contracts/events/correlation.js';
import { LIMITS } from '../../contracts/limits.js';
import { SluiceError } from '../../contracts/errors.js';
import type { BridgeConfig } from '../../ingress/index.js';
import type { Environment } from './config.js';

const PATHS = 'SLUICE_EVENT_CORRELATION_PATHS_JSON';
/** The older name of the same variable. */
const PATHS_ALIAS = 'WORKFLOW_RUNTIME_V2_EVENT_CORRELATION_PATHS_JSON';

const count = (most: number) =>
  z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .positive('must be over 0')
    .max(most, `must be at most ${most}`);

/** The shortest token that is accepted. */
const TOKEN_CHARACTERS = 16;
const DAY_MS = 86_400_000;

const Listen = z
  .string()
  .regex(/^(off|.+:\d{1,5})$/, 'must be HOST:PORT, or off')
  .transform((text) => {
    if (text === 'off') return undefined;
    const at = text.lastIndexOf(':');
    return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
  });

const Paths = z.string().transform((text, context): CorrelationPaths => {
  try {
    const parsed = CorrelationPaths.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  context.addIssue('must be JSON: {"EVENT_NAME or *": ["path.into.payload"]}');
  return z.NEVER;
});

/** The variables, in the order of the documentation. */
export const BridgeVariables = z.object({
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must be redis://… or rediss://…')
    .optional()
    .describe(
      'Redis with the event stream. Without it the bridge receives events over HTTP only, and events that runs publish go to the bridge itself.',
    ),
  REDIS_SILENT_MS: count(DAY_MS)
    .min(1_000, 'must be at least 1000')
    .default(10_000)
    .describe('Time without an answer to a command after which a connection to Redis is replaced.'),
  SLUICE_BRIDGE_HTTP: Listen.prefault('127.0.0.1:8234').describe(
    'Where the bridge listens for events over HTTP, as `host:port`; `off`: it does not. `npm start` uses the next free port.',
  ),
  SLUICE_BRIDGE_TOKEN: z
    .string()
    .min(TOKEN_CHARACTERS, `must have at least ${TOKEN_CHARACTERS} characters`)
    .optional()
    .describe(
      'Bearer token that may do everything at the bridge: senders, the API and runs publish with it. Without any token the bridge listens on loopback only.',
    ),
  SLUICE_BRIDGE_TOKENS_FILE: z
    .string()
    .optional()
    .describe(
      'File of senders, each with a separate token that is bound to tenants, names of events, and to sending or reading. See events.md.',
    ),
  SLUICE_BRIDGE_URL: z
    .url({ protocol: /^https?$/, error: 'must be http://… or https://…' })
    .default('http://127.0.0.1:8234')
    .describe('URL at which `sluice events` finds the bridge.'),
  SLUICE_EVENT_STREAM: z
    .string()
    .default('sluice:events')
    .describe('Stream that the bridge reads and that the relay writes.'),
  SLUICE_EVENT_GROUP: z.string().default('sluice').describe('Consumer group of the bridges.'),
  SLUICE_BRIDGE_IN_FLIGHT: count(10_000)
    .default(64)
    .describe(
      'Events in flight at the same time, for each source. Past it HTTP answers 503 and the stream is not read.',
    ),
  SLUICE_BRIDGE_CLAIM_MS: count(DAY_MS)
    .default(30_000)
    .describe('Time after which another bridge claims a message that a bridge read and did not acknowledge.'),
  SLUICE_BRIDGE_TRIES: count(1_000)
    .default(5)
    .describe('Deliveries after which a message that fails for its own reason is a dead letter.'),
  SLUICE_EVENT_CHAIN_LIMIT: count(10_000)
    .default(LIMITS.eventChain)
    .describe(
      'Most runs that events of one another start in a chain. A trigger past it is a dead letter (`EVENT_CHAIN_TOO_DEEP`).',
    ),
  SLUICE_EVENT_STREAM_KEEP_MS: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .nonnegative('must not be negative')
    .default(DAY_MS)
    .describe(
      'Age at which the bridge removes messages from the stream that every consumer group has acknowledged.',
    ),
  [PATHS]: Paths.prefault('{}').describe(
    `Paths of the correlation key in the payload, by event name and \`*\`: \`{"ORDER_PLACED": ["orderId"], "*": ["ticketId"]}\`. Older name: \`${PATHS_ALIAS}\`.`,
  ),
});

type BridgeVariables = z.infer<typeof BridgeVariables>;

/** The bridge's configuration, and the URL at which a command finds a bridge. */
export interface BridgeSettings {
  readonly bridge: BridgeConfig;
  readonly url: string;
}

/** A bridge without a token lets every caller move runs, so only this machine may reach it. */
function unprotected(vars: BridgeVariables): string[] {
  const { SLUICE_BRIDGE_HTTP: http, SLUICE_BRIDGE_TOKEN: token, SLUICE_BRIDGE_TOKENS_FILE: file } = vars;
  if (http === undefined || token !== undefined || file !== undefined || isLoopback(http.host)) return [];
  return [`SLUICE_BRIDGE_TOKEN must be set: ${http.host} is not loopback`];
}

/**
 * Reads the configuration.
 * @throws SluiceError CONFIG_INVALID
 */
export function loadBridgeConfig(env: Environment): BridgeSettings {
  const valueOf = (name: string): string => env[name]?.trim() ?? '';
  const set = Object.fromEntries(
    Object.keys(BridgeVariables.shape).flatMap((name) => {
      const value = valueOf(name);
      return value === '' ? [] : [[name, value]];
    }),
  );
  const alias = valueOf(PATHS_ALIAS);
  const differ = alias !== '' && set[PATHS] !== undefined && set[PATHS] !== alias;
  const parsed = BridgeVariables.safeParse(alias === '' ? set : { ...set, [PATHS]: set[PATHS] ?? alias });
  const problems = [
    ...(parsed.success ? unprotected(parsed.data) : []),
    ...(differ ? [`${PATHS} and its older name ${PATHS_ALIAS} differ`] : []),
    ...(parsed.success
      ? []
      : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)),
  ];
  if (!parsed.success || problems.length > 0) {
    throw new SluiceError('CONFIG_INVALID', problems.join('; '), { details: problems });
  }
  const vars = parsed.data;
  return {
    url: vars.SLUICE_BRIDGE_URL,
    bridge: {
      http: vars.SLUICE_BRIDGE_HTTP,
      token: vars.SLUICE_BRIDGE_TOKEN,
      tokensFile: vars.SLUICE_BRIDGE_TOKENS_FILE,
      redisUrl: vars.REDIS_URL,
      redisSilentMs: vars.REDIS_SILENT_MS,
      stream: vars.SLUICE_EVENT_STREAM,
      group: vars.SLUICE_EVENT_GROUP,
      inFlight: vars.SLUICE_BRIDGE_IN_FLIGHT,
      claimMs: vars.SLUICE_BRIDGE_CLAIM_MS,
      tries: vars.SLUICE_BRIDGE_TRIES,
      keepMs: vars.SLUICE_EVENT_STREAM_KEEP_MS,
      chainLimit: vars.SLUICE_EVENT_CHAIN_LIMIT,
      paths: vars[PATHS],
    },
  };
}
