import type { Projections } from '../../../projections/index.js';

/** Every row of every table, by table. */
export async function everyRow({ database }: Projections): Promise<Record<string, unknown>> {
  const [info] = await database.request('INFO FOR DB');
  const names = info?.ok === true ? Object.keys((info.value as { tables: object }).tables).sort() : [];
  const answers = await database.request(names.map((name) => `SELECT * FROM ${name} ORDER BY id`).join(';'));
  const rows = answers.map((answer, i) => [names[i], answer.ok ? answer.value : answer.reason]);
  return JSON.parse(JSON.stringify(Object.fromEntries(rows))) as Record<string, unknown>;
}
