/**
 * E-mail over SMTP: a notice as a plain-text message.
 *
 * Invariants
 * - No value of a notice becomes a header, a recipient or a second message: addresses are checked, and the
 *   title is one line.
 * - The message's id comes from the notice's id, so that a mailbox can drop a repetition.
 * - The password goes over TLS alone, unless the server is on this machine.
 * - A server that takes no recipient has refused; one that asks for time, or is away, gets another attempt.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { createTransport } from 'nodemailer';
import { messageOf, type SluiceError } from '../contracts/errors.js';
import { channelError, type Channel, type Notice } from './notice.js';

const TIMEOUT_MS = 15_000;
const MOST_TITLE = 200;
const MOST_ADDRESS = 254;

export interface EmailTarget {
  /** One address without a name, such as `ada@example.org`. */
  readonly address: string;
}

export interface EmailOptions {
  /** `smtps://user:password@host:465`, or `smtp://host:587` which turns to TLS by STARTTLS. */
  readonly server: URL;
  /** The sender's address. */
  readonly from: string;
  /** Certificates of authorities beside those of Node.js, PEM. */
  readonly ca?: string;
}

const ADDRESS = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])$/;

/** Whether a text is one address that a channel may send to. */
export function isAddress(text: string): boolean {
  return text.length <= MOST_ADDRESS && ADDRESS.test(text);
}

const isLocal = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host);

/** The title as one line: a line end would begin another header. */
function subjectOf(title: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this removes
  return title.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').slice(0, MOST_TITLE);
}

const textOf = ({ text, link }: Notice): string => (link ? `${text}\n\n${link.href}\n` : `${text}\n`);

/**
 * Creates the channel over one SMTP server.
 * @throws SluiceError CHANNEL_REFUSED for a server or a sender that cannot be used
 */
export function createEmailChannel({ server, from, ca }: EmailOptions): Channel<EmailTarget> {
  if (!['smtp:', 'smtps:'].includes(server.protocol)) {
    throw channelError(
      'CHANNEL_REFUSED',
      `A mail server has a URL of smtp:// or smtps://, not ${server.protocol}//`,
    );
  }
  if (!isAddress(from)) throw channelError('CHANNEL_REFUSED', `"${from}" cannot send: it is not one address`);
  const secure = server.protocol === 'smtps:';
  const host = server.hostname.replace(/^\[(.*)\]$/, '$1');
  const transport = createTransport({
    host,
    port: server.port === '' ? (secure ? 465 : 587) : Number(server.port),
    secure,
    requireTLS: !secure && !isLocal(host),
    ignoreTLS: !secure && isLocal(host),
    ...(server.username !== '' && {
      auth: { user: decodeURIComponent(server.username), pass: decodeURIComponent(server.password) },
    }),
    tls: { ...(ca !== undefined && { ca }), ...(isIP(host) === 0 && { servername: host }) },
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    // Values of a notice never name a file or a URL to read.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send(notice, { address }, signal) {
      if (!isAddress(address)) throw channelError('CHANNEL_REFUSED', `"${address}" is not one address`);
      signal.throwIfAborted();
      const id = createHash('sha256').update(notice.id).digest('hex').slice(0, 32);
      try {
        const sent = transport.sendMail({
          from,
          to: address,
          subject: subjectOf(notice.title),
          text: textOf(notice),
          date: new Date(notice.at),
          messageId: `<${id}@${from.slice(from.indexOf('@') + 1)}>`,
          headers: { 'auto-submitted': 'auto-generated' },
        });
        await unlessAborted(sent, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw refusal(host, error);
      }
    },
  };
}

/** Waits for an exchange unless the signal aborts; the library takes no signal, so its time limits end it. */
async function unlessAborted(sent: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    await Promise.race([sent, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** What a failed exchange means: SMTP's 5xx are final, all others may pass (RFC 5321, section 4.2.1). */
function refusal(host: string, error: unknown): SluiceError {
  const { code: kind, responseCode } = error as { readonly code?: unknown; readonly responseCode?: unknown };
  // A password that is wrong is the operator's to put right: the notice waits for it.
  const final = typeof responseCode === 'number' && responseCode >= 500 && kind !== 'EAUTH';
  const code = final ? 'CHANNEL_REFUSED' : 'CHANNEL_UNAVAILABLE';
  return channelError(code, `The mail server ${host} did not take the message: ${messageOf(error)}`, {
    cause: error,
  });
}
