/**
 * `GET /health` of a worker, for orchestrators: 200 while the worker polls and its services answer, else 503
 * with what is lost. It says only codes, because any caller may ask.
 *
 * Invariant: the answer needs no service, so it comes while none answers.
 */
import { createServer } from 'node:http';
import { SluiceError } from '../../contracts/errors.js';
import type { ServiceStates } from './service-states.js';

export interface WorkerHealth {
  close(): Promise<void>;
}

/**
 * Serves it.
 * @param address `IP:PORT`
 * @param stop aborted when the worker has to stop
 * @throws SluiceError CONFIG_INVALID where the address is taken or not of this machine
 */
export async function startWorkerHealth(
  address: string,
  states: ServiceStates,
  stop: AbortSignal,
): Promise<WorkerHealth> {
  const server = createServer((request, response) => {
    const found = request.method === 'GET' && request.url === '/health';
    const body = healthOf(states, stop);
    const status = !found ? 404 : body.status === 'ok' ? 200 : 503;
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(found ? body : { status: 'not found' }));
  });
  const split = address.lastIndexOf(':');
  const host = address.slice(0, split).replace(/^\[|\]$/g, '');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: Number(address.slice(split + 1)) }, resolve);
  }).catch((error: Error) => {
    throw new SluiceError('CONFIG_INVALID', `SLUICE_WORKER_HEALTH_HTTP: ${error.message}`, { cause: error });
  });
  return {
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function healthOf(states: ServiceStates, stop: AbortSignal) {
  const services = [...states.losses].map(([service, { code }]) => ({ service, code }));
  const status = stop.aborted
    ? 'stopping'
    : !states.polls
      ? 'starting'
      : services.length > 0
        ? 'waiting'
        : 'ok';
  return { status, services };
}
