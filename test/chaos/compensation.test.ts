/**
 * The example order whose shipment fails, with the payment, stock and shipping services as a real HTTP
 * server and with the example's policies. At any point its worker may be killed: in the end the order is
 * complete, or fully compensated, or the rest is a dead letter. Nothing is lost, and nothing is done
 * twice.
 */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { StartedRun } from '../../client/index.js';
import { exampleOrder, orderPaid } from '../support/example-payloads.js';
import { waitFor } from '../support/wait-for.js';
import { Services, type Request } from './services.js';
import { Stack } from './stack.js';

const POLICIES = fileURLToPath(new URL('../../examples/policies', import.meta.url));
const UNDELIVERABLE = {
  customer: {
    email: 'ada@shop.example',
    address: { name: 'Ada', street: '1 Main St', city: 'Nowhere', country: 'ZZ' },
  },
};
const NOTHING = { charges: [], reservations: [], shipments: [] };

interface Case {
  /** Where the worker is killed: at the n-th request of that action, before its work or before its answer. */
  readonly at?: readonly [action: string, nth: number, point: Request['point']];
  /** The service always refuses this action. */
  readonly refuses?: string;
  readonly ships?: true;
}

const CASES: Readonly<Record<string, Case>> = {
  'charge-asked': { at: ['payments.charge', 1, 'before'] },
  'charge-made': { at: ['payments.charge', 1, 'after'] },
  'reserve-1-made': { at: ['inventory.reserve', 1, 'after'] },
  'reserve-2-asked': { at: ['inventory.reserve', 2, 'before'] },
  'reserve-2-made': { at: ['inventory.reserve', 2, 'after'] },
  'release-1-asked': { at: ['inventory.release', 1, 'before'] },
  'release-1-made': { at: ['inventory.release', 1, 'after'] },
  'release-2-asked': { at: ['inventory.release', 2, 'before'] },
  'release-2-made': { at: ['inventory.release', 2, 'after'] },
  'refund-asked': { at: ['payments.refund', 1, 'before'] },
  'refund-made': { at: ['payments.refund', 1, 'after'] },
  'no-refund': { refuses: 'payments.refund', at: ['inventory.release', 2, 'after'] },
  'no-shipping': { refuses: 'shipping.create', at: ['inventory.release', 1, 'after'] },
  'ship-asked': { ships: true, at: ['shipping.create', 1, 'before'] },
  'ship-made': { ships: true, at: ['shipping.create', 1, 'after'] },
};

it(
  'an order is all done, all compensated or in the dead letters, wherever its worker is killed',
  { timeout: 600_000 },
  async () => {
    const services = await Services.open();
    try {
      const env = {
        CHAOS_SERVICES: services.address,
        SLUICE_CEDAR_POLICY_DIR: POLICIES,
        // A pass at the start of each worker, and often: it finds the run that was terminated.
        SLUICE_RECONCILE_INTERVAL_MS: '500',
      };
      await Stack.with({ env }, async (stack) => {
        const first = await stack.startWorker();
        expect(first.output).toContain('Actions are authorized by policies');
        await stack.publish('examples/order-fulfilment.yaml');
        const counts = new Map<string, Set<string>>();
        const isAt = ({ orderId, action, key, point }: Request): boolean => {
          const asked = `${orderId} ${action}`;
          const keys = (counts.get(asked) ?? new Set<string>()).add(key);
          counts.set(asked, keys);
          const at = CASES[orderId]?.at;
          return (
            at !== undefined && action === at[0] && [...keys].indexOf(key) + 1 === at[1] && point === at[2]
          );
        };
        services.holds = isAt;
        services.refuses = ({ orderId, action }) => CASES[orderId]?.refuses === action;
        const runs = new Map<string, StartedRun>();
        for (const [name, { ships, refuses }] of Object.entries(CASES)) {
          const fails = ships === true || refuses === 'shipping.create' ? {} : UNDELIVERABLE;
          runs.set(
            name,
            await stack.client.start('order-fulfilment', exampleOrder(name, fails), { workflowId: name }),
          );
          await stack.client.signalEvent(name, orderPaid(name));
        }
        const terminated = await stack.client.start('order-fulfilment', exampleOrder('terminated'), {
          workflowId: 'terminated',
        });
        for (const name of Object.keys(CASES)) await services.held(({ orderId }) => orderId === name);
        await stack.waits(terminated, 'settlement');
        await first.kill();
        await stack.client.terminate('terminated', 'by the test');
        services.letGo();

        const second = await stack.startWorker();
        const { deadLetters } = stack.client;
        for (const [name, run] of runs) {
          const end = await stack.end(run);
          const standing = services.standing(name);
          const letters = (await deadLetters.list({ runId: run.runId })).items;
          if (CASES[name]?.ships === true) {
            expect(end, name).toMatchObject({ state: 'SHIPPED' });
            expect(
              [standing.charges.length, standing.reservations.length, standing.shipments.length],
              name,
            ).toEqual([1, 2, 1]);
            expect(letters, name).toEqual([]);
          } else if (name === 'no-refund') {
            expect(end, name).toMatchObject({ failed: 'ADDRESS_UNDELIVERABLE' });
            expect(standing, name).toEqual({ ...NOTHING, charges: [expect.any(String) as string] });
            expect(letters, name).toMatchObject([
              { subject: 'payments.refund of charge', errorCode: 'SERVICE_REFUSES' },
            ]);
          } else {
            const failed = name === 'no-shipping' ? 'SERVICE_REFUSES' : 'ADDRESS_UNDELIVERABLE';
            expect(end, name).toMatchObject({ failed });
            expect(standing, name).toEqual(NOTHING);
            expect(letters, name).toEqual([]);
          }
          expect(services.twice(name), name).toEqual([]);
        }

        // The dead letters are compensated by retries, the last first.
        services.refuses = () => false;
        const left = await waitFor(async () => {
          const { items } = await deadLetters.list({ status: 'OPEN' });
          return items.length === 4 && items;
        }, 120_000);
        expect(left.map(({ subject }) => subject).sort()).toEqual([
          'inventory.release of reserve[0]',
          'inventory.release of reserve[1]',
          'payments.refund of charge',
          'payments.refund of charge',
        ]);
        for (const { id } of left) await deadLetters.retry(id, { actor: 'operator' });
        for (const name of ['no-refund', 'terminated']) {
          expect(services.standing(name), name).toEqual(NOTHING);
        }
        second.terminate();
        expect(await second.ended()).toBe(0);
      });
    } finally {
      await services.close();
    }
  },
);
