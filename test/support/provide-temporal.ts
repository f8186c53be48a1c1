import { Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../../contracts/messages.js';
import { startTemporalDevServer } from '../../worker/temporal-server/dev-server.js';

/** A Temporal server that tests may use; `stop` leaves one that was there before alone. */
export interface ProvidedTemporal {
  readonly address: string;
  readonly namespace: string;
  stop(): Promise<void>;
}

/** The server that TEMPORAL_ADDRESS names, else a dev server of the suite's own, in memory. */
export async function provideTemporal(): Promise<ProvidedTemporal> {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace = 'default' } = process.env;
  if (address !== undefined && address !== '') {
    await registerSearchAttributes(address, namespace);
    return { address, namespace, stop: () => Promise.resolve() };
  }
  return startTemporalDevServer({
    env: process.env,
    log: (line) => process.stderr.write(`${line}\n`),
    namespace: 'sluice-test',
    headless: true,
  });
}

async function registerSearchAttributes(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = Object.entries(SEARCH_ATTRIBUTES).filter(
      ([name]) => !Object.hasOwn(customAttributes, name),
    );
    if (missing.length === 0) return;
    const types = temporal.api.enums.v1.IndexedValueType;
    const wireType = {
      Keyword: types.INDEXED_VALUE_TYPE_KEYWORD,
      Int: types.INDEXED_VALUE_TYPE_INT,
      KeywordList: types.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    };
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, wireType[type]])),
    });
  } finally {
    await connection.close();
  }
}
