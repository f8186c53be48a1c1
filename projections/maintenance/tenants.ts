/** Tenants that have rows in a list table, whose keys begin with the tenant. */
import { z } from 'zod';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';

/** Found by skipping from one to the next: as many reads as tenants, however many rows they have. */
export async function listTenants(
  database: Database,
  table: 'run_list' | 'event_list',
): Promise<readonly string[]> {
  const tenants: string[] = [];
  for (;;) {
    // No key of the tenant before sorts above an object.
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
