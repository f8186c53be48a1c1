/**
 * Who may do what at the bridge over HTTP.
 *
 * Invariants
 * - A token of a sender is bound to tenants, names and sources of events, and to sending or reading. What it
 *   is not bound to is refused before anything is looked up, so an answer tells nothing about another tenant.
 * - The one token of SLUICE_BRIDGE_TOKEN may do everything, as before there were others.
 * - The file holds hashes, which are compared in constant time.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { LIMITS } from '../../contracts/limits.js';
import { TenantId } from '../../contracts/run/messages.js';

const ALL = '*';
const NAME_CHARACTERS = 200;

const SenderEntry = z.strictObject({
  name: z.string().min(1).max(NAME_CHARACTERS),
  /** sha-256 of the token, hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits, the sha-256 of the token'),
  tenants: z.array(z.union([z.literal(ALL), TenantId])).min(1),
  /** Names of events; one that ends with `*` is every name that begins so. */
  events: z.array(z.string().min(1).max(LIMITS.eventNameCharacters)).min(1),
  /** What it may name as the source of an event; one that ends with `*` is every source that begins so. */
  sources: z.array(z.string().min(1).max(LIMITS.eventIdCharacters)).min(1).default([ALL]),
  may: z.array(z.enum(['send', 'read'])).min(1),
  /** The token is refused from this instant on. */
  expires: z.iso.datetime({ offset: true }).optional(),
});
const SenderFile = z.strictObject({ senders: z.array(SenderEntry) });

/** A sender; `name` is undefined where no token is needed. */
export type Sender = Pick<z.infer<typeof SenderEntry>, 'tenants' | 'events' | 'sources' | 'may'> & {
  readonly name: string | undefined;
};

/** The sender of a request, from its header Authorization. @throws SluiceError BRIDGE_TOKEN_INVALID */
export type FindSender = (authorization: string | undefined) => Sender;

const ANYONE: Sender = {
  name: undefined,
  tenants: [ALL],
  events: [ALL],
  sources: [ALL],
  may: ['send', 'read'],
};
/** The sender of the one token that may do everything. */
const WHOLE: Sender = { ...ANYONE, name: 'SLUICE_BRIDGE_TOKEN' };

/**
 * The sender for whom the API, or whoever else has the one token, sends: the API's principal. Any other
 * sender goes by the name of the token that it has.
 * @param named the header PRINCIPAL_HEADER
 */
export function onBehalf(sender: Sender, named: string | string[] | undefined): Sender {
  if (sender.name !== WHOLE.name || typeof named !== 'string') return sender;
  const name = Buffer.from(named, 'base64url').toString('utf8').slice(0, NAME_CHARACTERS);
  return name === '' ? sender : { ...sender, name };
}

/** An entry of the file. */
export type KnownSender = z.infer<typeof SenderEntry> & { readonly digest: Buffer };

/**
 * Makes the check of a request's token.
 * @param token the one token that may do everything; undefined: no such token
 * @param known the senders of the file, as it is now; undefined: no such file. With neither, everyone may do
 * everything
 */
export function senderFinder(
  token: string | undefined,
  known: (() => readonly KnownSender[]) | undefined,
): FindSender {
  if (token === undefined && known === undefined) return () => ANYONE;
  const whole = token === undefined ? undefined : digestOf(token);
  return (authorization = '') => {
    const given = digestOf(/^bearer +([^\s]+)$/i.exec(authorization)?.[1] ?? '');
    let found: Sender | undefined;
    for (const { digest, expires, ...entry } of known?.() ?? []) {
      const matches = timingSafeEqual(given, digest);
      if (matches && (expires === undefined || Date.parse(expires) > Date.now())) found = entry;
    }
    if (whole !== undefined && timingSafeEqual(given, whole)) found = WHOLE;
    if (found !== undefined) return found;
    throw new SluiceError('BRIDGE_TOKEN_INVALID', 'The request does not have a valid token');
  };
}

/**
 * Reads the file of senders.
 * @throws SluiceError CONFIG_INVALID if it cannot be read or is not valid; the message shows no hash
 */
export async function readSenderFile(file: string): Promise<readonly KnownSender[]> {
  const invalid = (why: string, cause?: unknown): SluiceError =>
    new SluiceError('CONFIG_INVALID', `SLUICE_BRIDGE_TOKENS_FILE: ${file}: ${why}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw invalid(error instanceof SyntaxError ? 'it is not JSON' : messageOf(error), error);
  }
  const parsed = SenderFile.safeParse(value);
  if (parsed.success) {
    return parsed.data.senders.map((entry) => ({ ...entry, digest: Buffer.from(entry.hash, 'hex') }));
  }
  throw invalid(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** @throws SluiceError SENDER_FORBIDDEN */
export function requireMay(sender: Sender, what: Sender['may'][number]): void {
  if (!sender.may.includes(what)) throw forbidden(sender, `may not ${what} events`);
}

/** @throws SluiceError SENDER_FORBIDDEN */
export function requireTenant(sender: Sender, tenant: string): void {
  if (sender.tenants.includes(ALL) || sender.tenants.includes(tenant)) return;
  throw forbidden(sender, `is not bound to the tenant ${tenant}`);
}

/** @throws SluiceError SENDER_FORBIDDEN */
export function requireEventName(sender: Sender, name: string | undefined): void {
  if (name === undefined ? sender.events.includes(ALL) : isBoundTo(sender, name)) return;
  throw forbidden(sender, name === undefined ? 'must name an event' : `is not bound to the event ${name}`);
}

/** @throws SluiceError SENDER_FORBIDDEN */
export function requireSource(sender: Sender, source: string): void {
  if (!isIn(sender.sources, source)) throw forbidden(sender, `may not send in the name of ${source}`);
}

/** Whether the token is bound to the name of an event. */
export function isBoundTo({ events }: Sender, name: string): boolean {
  return isIn(events, name);
}

function isIn(all: readonly string[], one: string): boolean {
  return all.some((bound) => (bound.endsWith(ALL) ? one.startsWith(bound.slice(0, -1)) : bound === one));
}

function forbidden({ name = 'no one' }: Sender, why: string): SluiceError {
  return new SluiceError('SENDER_FORBIDDEN', `The token of ${name} ${why}`);
}
