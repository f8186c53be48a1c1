/** Stores many runs, for benchmarks of reads. */
import type { Projections } from '../../projections/index.js';
import { listKey } from '../../projections/log/keys.js';
import { event, execution, runStartedAs, START_MS, uuid7 } from '../../test/projections/support/runs.js';

const CHUNK = 1_000;
const STATUSES = ['RUNNING', 'WAITING', 'SUCCEEDED', 'FAILED'];

/**
 * Adds runs `from` to `to` to the tenant `bench`, many per request; the first is a real run, the others
 * are copies of it. They belong to ten definitions, `definition-0` to `definition-9`, version 3.
 */
export async function loadRuns(projections: Projections, from: number, to: number): Promise<void> {
  const { database } = projections;
  const model = execution({ tenant: 'model' });
  await projections.commitEvents(model, [runStartedAs(model), event(2, 'STATE_SET', { state: 'charged' })]);
  const [answer] = await database.request(`SELECT * OMIT id FROM ONLY type::record('run', $key)`, {
    key: ['model', model.run.runId],
  });
  if (answer?.ok !== true) throw new Error(answer?.reason);
  for (let at = from; at < to; at += CHUNK) {
    const rows = Array.from({ length: Math.min(CHUNK, to - at) }, (_, i) => {
      const n = at + i;
      const startedAt = new Date(START_MS + n * 10);
      const runId = uuid7(10_000_000 + n);
      return {
        ...(answer.value as object),
        id: ['bench', runId],
        tenant: 'bench',
        run_id: runId,
        definition: `definition-${n % 10}`,
        status: STATUSES[n % 4] ?? '',
        correlation_keys: [`order:${n % 500}`],
        started_at: startedAt,
        list_key: listKey(startedAt, runId),
      };
    });
    const lists = rows.flatMap((row) =>
      [
        ['all', ''],
        ['definition', row.definition],
        ['status', row.status],
        ['definition-status', `${row.definition}/${row.status}`],
        ['state', 'charged'],
        ['key', row.correlation_keys[0]],
      ].map((list) => ({ id: ['bench', ...list, row.list_key] })),
    );
    const answers = await database.request(
      'BEGIN; INSERT INTO run $rows RETURN NONE; INSERT INTO run_list $lists RETURN NONE; COMMIT',
      { rows, lists },
    );
    const failed = answers.find(({ ok }) => !ok);
    if (failed?.ok === false) throw new Error(failed.reason);
  }
}
