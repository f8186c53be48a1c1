/** TLS in front of a server that has none: what Temporal's image does itself, and its dev server can't. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { once } from 'node:events';

export interface TlsFront {
  close(): Promise<void>;
}

/**
 * Takes TLS connections and passes on what they carry.
 * @param certificate path of `cert.pem` and `key.pem`
 */
export async function startTlsFront(
  listenOn: number,
  passTo: number,
  certificate: string,
): Promise<TlsFront> {
  const open = new Set<Socket | TLSSocket>();
  const keep = (socket: Socket | TLSSocket): void => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  };
  const server = createServer(
    {
      cert: readFileSync(`${certificate}/cert.pem`),
      key: readFileSync(`${certificate}/key.pem`),
      ALPNProtocols: ['h2'],
    },
    (outer) => {
      const inner = connect(passTo, '127.0.0.1');
      for (const [one, other] of [
        [outer, inner],
        [inner, outer],
      ] as const) {
        keep(one);
        // A connection that breaks ends its other half.
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
      outer.pipe(inner).pipe(outer);
    },
  );
  server.listen(listenOn, '127.0.0.1');
  await once(server, 'listening');
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
