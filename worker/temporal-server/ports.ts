import { createServer, connect } from 'node:net';

/** How many of the next higher ports are tried before the system picks one. */
const NEARBY = 20;

/** A port that nothing uses right now, picked by the system. */
export async function freePort(ip: string): Promise<number> {
  const port = await tryListen(ip, 0);
  if (port === undefined) throw new Error(`No free port on ${ip}`);
  return port;
}

/**
 * The wanted port if it is free, else the nearest higher one that is.
 * @param avoid ports that are spoken for though nothing listens on them yet
 */
export async function portNear(ip: string, wanted: number, avoid: readonly number[] = []): Promise<number> {
  for (let port = wanted; port <= Math.min(wanted + NEARBY, 65_535); port++) {
    if (!avoid.includes(port) && (await isFree(ip, port))) return port;
  }
  return freePort(ip);
}

/**
 * A listener on the wildcard address does not stop one on a single address everywhere (macOS), but it would
 * get or lose connections at random: so a port is free only when nobody answers there either.
 */
async function isFree(ip: string, port: number): Promise<boolean> {
  return !(await answers(ip, port)) && (await tryListen(ip, port)) !== undefined;
}

function answers(ip: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port, timeout: 500 });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}

function tryListen(ip: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host: ip, port, exclusive: true }, () => {
      const address = server.address();
      const bound = address !== null && typeof address === 'object' ? address.port : undefined;
      server.close(() => resolve(bound));
    });
  });
}
