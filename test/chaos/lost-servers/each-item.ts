/** The runs of the tests of lost servers: each item is one action, so a lost or repeated one is seen. */
import { expect } from 'vitest';
import type { StartedRun } from '../../../client/index.js';
import { openProjections } from '../../../projections/index.js';
import type { Stack } from '../stack.js';

const RUNS = 4;
const ITEMS = 8;

export const DEFINITION = `
id: each
version: 1
steps:
  - id: all
    type: control.forEach
    items: { $expr: "[1..${ITEMS}]" }
    body: [{ id: say, type: action.call, action: core.echo, input: { $expr: item } }]
result: { $expr: payload.name }
`;

/** Starts the runs. */
export function startRuns({ client }: Stack): Promise<readonly StartedRun[]> {
  return Promise.all(Array.from({ length: RUNS }, (_, i) => client.start('each', { name: `run ${i}` })));
}

/**
 * Every run has ended as an undisturbed one, and its log has each of its steps once.
 * @param url of the database server
 */
export async function expectUndisturbed(
  stack: Stack,
  runs: readonly StartedRun[],
  url: string,
): Promise<void> {
  expect(await Promise.all(runs.map((run) => stack.end(run)))).toEqual(runs.map((_, i) => `run ${i % RUNS}`));
  const projections = await openProjections({ url, username: 'root', password: 'root' });
  try {
    for (const { runId } of runs) {
      const log = await projections.reads.checkContiguity('default', runId);
      expect(log).toMatchObject({ gaps: [], doubled: [] });
      const used = await projections.reads.listInvocations('default', runId);
      expect(used.map(({ status }) => status)).toEqual(Array.from({ length: ITEMS }, () => 'SUCCEEDED'));
    }
  } finally {
    await projections.close();
  }
}
