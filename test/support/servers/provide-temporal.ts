import { startTemporalDevServer } from '../../../worker/temporal-server/dev-server.js';

/** A Temporal server that tests may use; `stop` leaves a server alone that ran before. */
export interface ProvidedTemporal {
  readonly address: string;
  readonly namespace: string;
  stop(): Promise<void>;
}

/** The server that TEMPORAL_ADDRESS names, else a new dev server, in memory. */
export async function provideTemporal(): Promise<ProvidedTemporal> {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace } = process.env;
  if (address) return { address, namespace: namespace || 'default', stop: () => Promise.resolve() };
  return startTemporalDevServer({
    env: process.env,
    log: (line) => process.stderr.write(`${line}\n`),
    namespace: 'sluice-test',
    headless: true,
  });
}
