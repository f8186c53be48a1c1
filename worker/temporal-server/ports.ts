import { createServer, connect } from 'node:net';

/** The number of higher ports that are tried before the system picks one. */
const NEARBY = 20;
const ANSWER_LIMIT_MS = 500;
const HIGHEST_PORT = 65_535;

/** A free port, picked by the system. */
export async function freePort(ip: string): Promise<number> {
  const port = await tryListen(ip, 0);
  if (port === undefined) throw new Error(`No free port on ${ip}`);
  return port;
}

/**
 * The wanted port if it is free, else the nearest higher one that is.
 * @param avoid ports that are reserved although nothing listens on them yet
 */
export async function portNear(ip: string, wanted: number, avoid: readonly number[] = []): Promise<number> {
  for (let port = wanted; port <= Math.min(wanted + NEARBY, HIGHEST_PORT); port++) {
    if (!avoid.includes(port) && (await isFree(ip, port))) return port;
  }
  return freePort(ip);
}

/**
 * On macOS a listener on the wildcard address does not prevent one on a single address, and connections then
 * go to either of them. So a port is free only if nothing answers there either.
 */
async function isFree(ip: string, port: number): Promise<boolean> {
  return !(await answers(ip, port)) && (await tryListen(ip, port)) !== undefined;
}

function answers(ip: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port, timeout: ANSWER_LIMIT_MS });
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
