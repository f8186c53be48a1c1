/** Tenants that have rows in a table whose keys begin with the tenant. */
import { z } from 'zod';
import type { Database } from '../connection/connection.js';
import { readRows } from '../connection/read.js';

/** Skips from one tenant to the next: one read for each tenant, however many rows it has. */
export async function listTenants(
  database: Database,
  table: 'run_list' | 'event_list' | 'audit' | 'dead_letter_list' | 'task_list',
): Promise<readonly string[]> {
  const tenants: string[] = [];
  for (;;) {
    // A longer name sorts above every key of the previous tenant; no name has this character.
    const from = [tenants.length === 0 ? '' : `${tenants.at(-1)}\u0001`];
    const [next] = await readRows(
      database,
      z.object({ tenant: z.string() }),
      `SELECT id, id[0] AS tenant FROM type::record('${table}', $from..) LIMIT 1`,
      { from },
    );
    // Names are texts; a key that begins with something else comes after all of them.
    if (next?.row === undefined) return tenants;
    tenants.push(next.row.tenant);
  }
}
