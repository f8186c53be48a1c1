/** An action that holds the main thread of its worker: the process is ended, and its runs go on elsewhere. */
import { expect, it } from 'vitest';
import { Stack } from './stack.js';

const HOLDS = `
id: holds
version: 1
steps:
  - { id: hold, type: action.call, action: test.hold, heartbeatMs: 1000, saveAs: said }
result: { $expr: vars.said }
`;

// A worker's start holds its main thread too, for seconds on a busy machine.
const STUCK_MS = 15_000;

it(
  'a worker whose main thread is held is ended by force, and another one does its work [no-check-freezes]',
  { timeout: 300_000 },
  async () => {
    await Stack.with({ env: { SLUICE_STUCK_MS: String(STUCK_MS) } }, async (stack) => {
      const held = await stack.startWorker({ CHAOS_HOLDS: 'yes' });
      await stack.client.publishDefinition(HOLDS);
      const run = await stack.client.start('holds', {}, { workflowId: 'holds' });
      expect(await held.ended(), held.output).toBeNull();
      expect(held.output).toContain(`"stuckMs":${STUCK_MS}`);
      const next = await stack.startWorker();
      expect(await stack.end(run)).toBe('gone on');
      expect(stack.effects.reported.map(({ point, action }) => `${point} ${action}`)).toEqual([
        'acts test.hold',
        'acts test.hold',
      ]);
      const ledger = await stack.rows(next, ({ reads }) => reads.listInvocations('default', run.runId));
      expect(ledger).toMatchObject([{ status: 'SUCCEEDED', action: 'test.hold' }]);
    });
  },
);
