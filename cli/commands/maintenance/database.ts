import { openProjections, type Projections } from '../../../projections/index.js';
import type { SluiceConfig } from '../../../worker/config/config.js';

/** Opens the configured database for one command and closes it afterwards. */
export async function withProjections<T>(
  config: SluiceConfig,
  work: (projections: Projections) => Promise<T>,
): Promise<T> {
  const projections = await openProjections(config.database);
  try {
    return await work(projections);
  } finally {
    await projections.close();
  }
}
