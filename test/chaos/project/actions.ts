/**
 * The actions of the examples. Each reports to the test before it acts and after it has acted, so a test
 * counts effects from outside, and holds an action at the point where the worker is to be killed.
 */
import { z } from 'zod';
import { defineAction, SluiceError } from '../../../actions/index.js';
import type { ActionContext, ActionDefinition } from '../../../contracts/run/action.js';
import exampleActions from '../../../examples/actions/index.js';

// The worker must not outlive the test, however that one ends.
process.once('disconnect', () => process.exit(1));
process.channel?.unref();

async function tell(point: 'acts' | 'acted', action: string, context: ActionContext): Promise<void> {
  const address = process.env['CHAOS_CONTROL'];
  if (address === undefined) return;
  const response = await fetch(address, {
    method: 'POST',
    headers: { 'idempotency-key': context.idempotencyKey },
    body: JSON.stringify({
      point,
      action,
      runId: context.run.runId,
      workflowId: context.run.workflowId,
      step: context.step.id,
      iteration: context.step.iteration,
      attempt: context.attempt,
    }),
    signal: context.signal,
  });
  await response.text();
}

const observed = (action: ActionDefinition): ActionDefinition =>
  defineAction({
    ...action,
    async run(input, context) {
      await tell('acts', action.id, context);
      const output: unknown = await action.run(input, context);
      await tell('acted', action.id, context);
      return output;
    },
  });

/** Of an input or an output, what the services keep: ids of charges, reservations and shipments. */
function thingsIn(value: unknown): string[] {
  const { chargeId, reservationId, reservationIds, shipmentId } = (value ?? {}) as Record<string, unknown>;
  const many = Array.isArray(reservationIds) ? (reservationIds as unknown[]) : [];
  return [chargeId, reservationId, shipmentId, ...many].filter((id) => typeof id === 'string');
}

const SERVED = [
  'payments.charge',
  'payments.refund',
  'inventory.reserve',
  'inventory.release',
  'shipping.create',
];

/** An action of the example whose effect is that of a service outside, where the test has one. */
const served = (action: ActionDefinition): ActionDefinition => {
  const address = process.env['CHAOS_SERVICES'];
  if (address === undefined || !SERVED.includes(action.id)) return action;
  return defineAction({
    ...action,
    async run(input, context) {
      const output: unknown = await action.run(input, context);
      const undoes = context.compensation !== undefined;
      const response = await fetch(address, {
        method: 'POST',
        headers: { 'idempotency-key': context.idempotencyKey },
        body: JSON.stringify({
          action: action.id,
          orderId: context.run.workflowId,
          things: undoes ? context.compensation?.artifacts_to_undo : thingsIn(output),
        }),
        signal: context.signal,
      });
      await response.text();
      if (!response.ok) {
        throw new SluiceError('SERVICE_REFUSES', `${action.id}: ${response.status}`, { retryable: false });
      }
      return output;
    },
  });
};

const effect = observed(
  defineAction({
    id: 'test.effect',
    version: 1,
    description: 'Has an effect that the test counts, and gives back its input.',
    input: z.json(),
    output: z.json(),
    run: (input) => input,
  }),
);

const crash = defineAction({
  id: 'test.crash',
  version: 1,
  description: 'Kills its worker, as running out of memory does.',
  input: z.json(),
  output: z.null(),
  async run(_input, context) {
    await tell('acts', 'test.crash', context);
    process.kill(process.pid, 'SIGKILL');
    return await new Promise<never>(() => undefined);
  },
});

const hold = defineAction({
  id: 'test.hold',
  version: 1,
  description: 'Holds the main thread of its worker without an end, where the test says so.',
  input: z.json(),
  output: z.string(),
  async run(_input, context) {
    await tell('acts', 'test.hold', context);
    while (process.env['CHAOS_HOLDS'] === 'yes') continue;
    return 'gone on';
  },
});

const leak = defineAction({
  id: 'test.leak',
  version: 1,
  description: 'Says a secret wherever an action can say something.',
  input: z.strictObject({ secret: z.string(), how: z.enum(['return', 'throw', 'throwCode', 'throwPlain']) }),
  output: z.json(),
  async run({ secret, how }, context) {
    context.log.info(`the key is ${secret}`, { [secret]: { nested: [secret] } });
    context.heartbeat({ progress: secret });
    context.artifact(`made-with-${secret}`);
    context.writes.add('leak', 'UPSERT type::record("test_leak", $id) CONTENT $row', {
      id: `leak-${context.idempotencyKey}`,
      row: { tenant: context.run.tenant, said: `with ${secret}`, [secret]: true },
    });
    if (how === 'return') {
      return {
        plain: secret,
        inside: `<${secret}>`,
        [secret]: 1,
        base64: Buffer.from(secret).toString('base64'),
        asked: await context.secret('CHAOS_SECRET'),
      };
    }
    if (how === 'throwPlain') throw new Error(`no access with ${secret}`, { cause: new Error(secret) });
    throw new SluiceError(how === 'throwCode' ? secret : 'KEY_REFUSED', `the key ${secret} was refused`, {
      details: { key: secret, [secret]: [secret] },
    });
  },
});

/** The versions of `test.greet` that this worker's code has: workers of different code differ in them. */
const greets = (process.env['CHAOS_GREETS'] ?? '').split(',').filter((version) => version !== '');
const greet = (version: number): ActionDefinition =>
  defineAction({
    id: 'test.greet',
    version,
    description: 'Says its version.',
    input: z.json(),
    output: z.number(),
    run: () => version,
  });

export default [
  ...exampleActions.map(served).map(observed),
  ...[effect, crash, hold, leak],
  ...greets.map((version) => greet(Number(version))),
];
