/** Tenants that have rows in a table whose keys begin with the tenant. */
import { z } from 'zod';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';

/** Skips from one tenant to the next: one read for each tenant, however many rows it has. */
export async function listTenants(
  database: Database,
  table: 'run_list' | 'event_list' | 'audit',
): Promise<readonly string[]> {
  const tenants: string[] = [];
  for (;;) {
    // An object sorts above every key of the previous tenant.
    const from = tenants.length === 0 ? [''] : [tenants.at(-1), {}];
    const [next] = await read(
      database,
      z.array(z.string()),
      `SELECT VALUE id[0] FROM type::record('${table}', $from..) LIMIT 1`,
      { from },
    );
    if (next === undefined) return tenants;
    tenants.push(next);
  }
}
