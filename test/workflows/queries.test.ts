/** The queries `state` and `progress` of a run that failed before it began, before and after a restart. */
import { describe, expect, it } from 'vitest';
import { withSluice } from '../support/sluice.js';

const DEFINITION = `
id: strict
version: 3
payloadSchema:
  type: object
  required: [orderId, lines]
  properties: { orderId: { type: string }, lines: { type: array, items: { type: object, required: [sku] } } }
steps: []
`;
const PROBLEMS = 'The payload: $.orderId must be string; $.lines[0].sku is missing';

describe('queries of runs that failed', () => {
  it('a run whose payload is refused shows each problem with its path, also from a worker that never ran it', () =>
    withSluice({}, async (sluice) => {
      await sluice.publish(DEFINITION);
      const run = await sluice.startUnchecked('strict', { orderId: 5, lines: [{}] });
      await expect(sluice.result(run)).rejects.toMatchObject({ code: 'PAYLOAD_INVALID', message: PROBLEMS });
      const expected = {
        runId: run.runId,
        workflowId: run.workflowId,
        definition: 'strict',
        version: null,
        status: 'FAILED',
        state: null,
        vars: {},
        waits: [],
        lastSeq: 0,
        error: { code: 'PAYLOAD_INVALID', message: PROBLEMS, category: 'validation', stepPath: null },
      };
      const first = await sluice.client.state(run.workflowId);
      expect(first).toMatchObject(expected);
      expect(await sluice.client.progress(run.workflowId)).toMatchObject({
        status: 'FAILED',
        lines: [],
        lastSeq: 0,
        error: { code: 'PAYLOAD_INVALID' },
      });
      await sluice.stopWorker();
      await sluice.startWorker();
      expect(await sluice.client.state(run.workflowId)).toEqual(first);
    }));

  it('a run without a definition shows its error, and so does a run that failed later', () =>
    withSluice({}, async (sluice) => {
      await sluice.publish('{id: late, version: 1, steps: [{id: a, type: control.fail, code: NO_STOCK}]}');
      const [unknown, late] = [await sluice.start('missing'), await sluice.start('late')];
      for (const run of [unknown, late]) await sluice.result(run).catch(() => undefined);
      expect(await sluice.client.state(unknown.workflowId)).toMatchObject({
        definition: 'missing',
        version: null,
        status: 'FAILED',
        error: { code: 'DEFINITION_NOT_FOUND' },
      });
      expect(await sluice.client.state(late.workflowId)).toMatchObject({
        definition: 'late',
        version: 1,
        status: 'FAILED',
        error: { code: 'NO_STOCK', stepPath: 'steps[0]' },
      });
    }));
});
