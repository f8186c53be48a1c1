import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEmailChannel, isAddress, type Notice } from '../../channels/index.js';

interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string | undefined;
  readonly raw: string;
}

const mails: Mail[] = [];
let server: SMTPServer;
let port: number;

/** A real SMTP server that takes mail of ada, refuses gone@, and is busy for busy@. */
beforeAll(async () => {
  server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    logger: false,
    onAuth: ({ username, password }, _session, done) =>
      username === 'sluice' && password === 'p@ss:word'
        ? done(null, { user: username })
        : done(Object.assign(new Error('Bad credentials'), { responseCode: 535 })),
    onRcptTo: ({ address }, _session, done) => {
      if (address.startsWith('gone@')) {
        return done(Object.assign(new Error('No such user'), { responseCode: 550 }));
      }
      if (address.startsWith('busy@')) {
        return done(Object.assign(new Error('Greylisted'), { responseCode: 451 }));
      }
      return done();
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          user: session.user as string | undefined,
          raw: Buffer.concat(chunks).toString('utf8'),
        });
        done();
      });
    },
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', () => ready()));
  port = (server.server.address() as AddressInfo).port;
});

afterAll(() => new Promise<void>((closed) => server.close(() => closed())));

const notice: Notice = {
  id: 'ntf_4711',
  at: Date.parse('2026-11-26T09:00:00Z'),
  title: 'Approve the loan of Müller',
  text: 'Two approvals are missing.\n.\nA line with one dot ends nothing.',
  link: new URL('https://sluice.example/tasks/1'),
  data: null,
};
const never = new AbortController().signal;
const from = 'sluice@example.org';
const channelTo = (url: string) => createEmailChannel({ server: new URL(url), from });
const channel = () => channelTo(`smtp://127.0.0.1:${String(port)}`);

/** The headers of a mail, each unfolded. */
const headersOf = ({ raw }: Mail): readonly string[] =>
  raw
    .slice(0, raw.indexOf('\r\n\r\n'))
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');

describe('an e-mail', () => {
  it('an e-mail arrives with its text and the link to the item', async () => {
    await channel().send(notice, { address: 'ada@example.org' }, never);
    const mail = mails.at(-1)!;
    expect(mail).toMatchObject({ from, to: ['ada@example.org'] });
    expect(headersOf(mail)).toEqual(
      expect.arrayContaining([
        'To: ada@example.org',
        'Subject: =?UTF-8?Q?Approve_the_loan_of_M=C3=BCller?=',
        'Auto-Submitted: auto-generated',
      ]),
    );
    expect(mail.raw).toContain('Two approvals are missing.\r\n.\r\nA line with one dot');
    expect(mail.raw).toContain('https://sluice.example/tasks/1');
  });

  it('an e-mail that is sent again has the same Message-ID', async () => {
    await channel().send(notice, { address: 'ada@example.org' }, never);
    await channel().send(notice, { address: 'ada@example.org' }, never);
    const ids = mails.slice(-2).map((mail) => headersOf(mail).find((line) => line.startsWith('Message-ID')));
    expect(ids[0]).toMatch(/^Message-ID: <[0-9a-f]{32}@example\.org>$/);
    expect(ids[1]).toBe(ids[0]);
  });

  it('an e-mail with a hostile title keeps one subject and one recipient', async () => {
    const title = 'Hello\r\nBcc: eve@example.org\r\n\r\nAnother body\u0085\u2028x'.padEnd(5_000, 'y');
    await channel().send({ ...notice, title }, { address: 'ada@example.org' }, never);
    const mail = mails.at(-1)!;
    expect(mail.to).toEqual(['ada@example.org']);
    expect(headersOf(mail).filter((line) => /^(?:bcc|cc|to):/i.test(line))).toEqual(['To: ada@example.org']);
    expect(headersOf(mail).find((line) => line.startsWith('Subject:'))!.length).toBeLessThan(600);
  });

  it.each([
    'ada@example.org, eve@example.org',
    'ada@example.org\r\nBcc: eve@example.org',
    'Ada <ada@example.org>',
    'ada',
    '',
    `${'a'.repeat(300)}@example.org`,
  ])('an e-mail to "%s" is refused before a server is asked', async (address) => {
    const count = mails.length;
    expect(isAddress(address)).toBe(false);
    await expect(channel().send(notice, { address }, never)).rejects.toMatchObject({
      code: 'CHANNEL_REFUSED',
    });
    expect(mails).toHaveLength(count);
  });

  it('an e-mail that the server refuses is final, and one that it puts off is not', async () => {
    await expect(channel().send(notice, { address: 'gone@example.org' }, never)).rejects.toMatchObject({
      code: 'CHANNEL_REFUSED',
      message: expect.stringContaining('No such user') as string,
    });
    await expect(channel().send(notice, { address: 'busy@example.org' }, never)).rejects.toMatchObject({
      code: 'CHANNEL_UNAVAILABLE',
    });
  });

  it('an e-mail waits for a server that is away, and for the right password', async () => {
    const to = { address: 'ada@example.org' };
    const away = channelTo('smtp://127.0.0.1:1').send(notice, to, never);
    await expect(away).rejects.toMatchObject({ code: 'CHANNEL_UNAVAILABLE' });
    const wrong = channelTo(`smtp://sluice:wrong@127.0.0.1:${String(port)}`).send(notice, to, never);
    const failure = (await wrong.catch((error: unknown) => error)) as Error;
    expect(failure).toMatchObject({ code: 'CHANNEL_UNAVAILABLE' });
    expect(failure.message).not.toContain('wrong@');
    await channelTo(`smtp://sluice:p%40ss%3Aword@127.0.0.1:${String(port)}`).send(notice, to, never);
    expect(mails.at(-1)!.user).toBe('sluice');
  });

  it('an e-mail ends when it is cancelled', async () => {
    const stop = new AbortController();
    stop.abort(new Error('the worker stops'));
    await expect(channel().send(notice, { address: 'ada@example.org' }, stop.signal)).rejects.toThrow(
      'the worker stops',
    );
  });

  it('a channel is refused with a server of another protocol or a sender that is two', () => {
    expect(() => channelTo('http://mail.example.org')).toThrow('smtp://');
    const two = { server: new URL('smtp://mail.example.org'), from: 'a@b.org, c@d.org' };
    expect(() => createEmailChannel(two)).toThrow('not one address');
  });
});
