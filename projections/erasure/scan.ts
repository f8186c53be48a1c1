/** Reads all rows of a tenant in a table whose keys begin with the tenant. For maintenance only. */
import { z } from 'zod';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';

/** Rows of one read. */
const PAGE = 500;

const Key = z.array(z.unknown());

/** Each row of the tenant, with its key. @param columns what is read of a row, beside its key */
export async function* scan<T extends z.ZodRawShape>(
  database: Database,
  tenant: string,
  table: string,
  columns: T,
): AsyncGenerator<z.output<z.ZodObject<T>> & { readonly key: readonly unknown[] }, void> {
  const shape = z.object(columns);
  const names = ['record::id(id) AS key', ...Object.keys(columns)].join(', ');
  for (let from: readonly unknown[] = [tenant]; ;) {
    const rows = await read(
      database,
      z.array(z.looseObject({ key: Key })),
      `SELECT ${names} FROM type::record('${table}', $from..[$tenant, ..]) LIMIT ${PAGE}`,
      { tenant, from },
    );
    for (const row of rows) yield { ...shape.parse(row), key: row.key };
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    // A longer key sorts right behind the key that it begins with.
    from = [...last.key, ''];
  }
}
