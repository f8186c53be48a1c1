/**
 * A TCP proxy in front of a server. It can go silent: it keeps its connections and forwards nothing. It can
 * also fail over: new connections lead elsewhere, and open ones stay.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

const HOST = '127.0.0.1';

export interface Proxy {
  readonly port: number;
  /** Forwards nothing more, in either direction; new connections are accepted and get no answer either. */
  silence(): void;
  /** Forwards what comes on new connections. Those that went silent stay so, as behind a lost router. */
  speak(): void;
  /** Sends new connections to another server. */
  failOver(port: number): void;
  /** Breaks all connections. */
  cut(): void;
  close(): Promise<void>;
}

/** Starts a proxy on loopback. @param port of the server behind it */
export async function startProxy(port: number): Promise<Proxy> {
  const open = new Set<Socket>();
  const pairs = new Set<readonly [Socket, Socket]>();
  let silent = false;
  let target = port;
  const server = createServer((near) => {
    open.add(near);
    near.on('error', () => near.destroy()).once('close', () => open.delete(near));
    if (silent) {
      near.pause();
      return;
    }
    const far = connect(target, HOST);
    open.add(far);
    const pair = [near, far] as const;
    pairs.add(pair);
    far.on('error', () => far.destroy());
    far.once('close', () => {
      open.delete(far);
      pairs.delete(pair);
      near.destroy();
    });
    near.once('close', () => far.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  const destroyAll = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    silence() {
      silent = true;
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.pause();
        far.pause();
      }
    },
    speak() {
      silent = false;
    },
    failOver(other) {
      target = other;
    },
    cut: destroyAll,
    async close() {
      destroyAll();
      server.close();
      await once(server, 'close');
    },
  };
}
