import type { Projections } from '../../../projections/index.js';

/** Every row of every table, as one text. */
export async function allRows({ database }: Projections): Promise<string> {
  const [info] = await database.request('INFO FOR DB');
  const names = info?.ok === true ? Object.keys((info.value as { tables: object }).tables).sort() : [];
  const answers = await database.request(names.map((name) => `SELECT * FROM ${name} ORDER BY id`).join(';'));
  return JSON.stringify(answers.map((answer, i) => [names[i], answer.ok ? answer.value : answer.reason]));
}
