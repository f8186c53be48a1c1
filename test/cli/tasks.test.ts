/** `sluice tasks`: the inbox, acts, and the form that is asked for field by field. */
import { PassThrough } from 'node:stream';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { actOnTaskCommand } from '../../cli/commands/tasks/tasks-act.js';
import { createAsker } from '../../cli/terminal/ask.js';
import { Terminal } from '../../cli/terminal/terminal.js';
import { useApi } from '../api/support/api.js';
import { waitFor } from '../support/wait-for.js';
import { runInProcess } from './support/in-process.js';

const api = useApi();

const run = (...args: readonly string[]) => {
  const { sluice, url, token } = api();
  return runInProcess(['--tenant', sluice.tenant, 'tasks', ...args], {
    TEMPORAL_ADDRESS: sluice.temporal.address,
    TEMPORAL_NAMESPACE: sluice.temporal.namespace,
    SLUICE_TASK_QUEUE: sluice.taskQueue,
    SLUICE_API_URL: url,
    SLUICE_API_TOKEN: token.reader,
    USER: 'anna',
  });
};
const json = async (...args: readonly string[]): Promise<readonly Record<string, unknown>[]> => {
  const { stdout } = await run(...args, '--json');
  return stdout
    .trim()
    .split('\n')
    .map((line) => z.record(z.string(), z.unknown()).parse(JSON.parse(line)));
};
const create = async (request: object): Promise<string> => {
  const { tenant, projections } = api().sluice;
  const [made] = await json('create', JSON.stringify({ title: 'Look', ...request }), '--as', 'rita');
  const item = z.string().parse(made?.['item']);
  await waitFor(async () => (await projections.tasks.get(tenant, item)) !== undefined);
  return item;
};

describe('sluice tasks', () => {
  it('a task goes from claim over changes and resubmission to a quorum of two by commands alone', async () => {
    const role = `r-${randomUUID()}`;
    const item = await create({
      ...{ assignee: { role }, quorum: [{ count: 2 }], exclude: { requester: true } },
    });
    const as = (account: string) => ['--as', account, '--as-role', role];
    const acts: readonly (readonly string[])[] = [
      ['claim', item, ...as('anna')],
      ['request-change', item, '--reason', 'no sum', ...as('anna')],
      ['resubmit', item, '--reason', 'sum added', '--as', 'rita'],
      ['comment', item, '--note', 'better'],
      ['approve', item, '--reason', 'fine', ...as('anna')],
      ['approve', item, '--reason', 'fine', ...as('bob')],
    ];
    const statuses: unknown[] = [];
    for (const [action = '', ...args] of acts) statuses.push((await json(action, ...args))[0]?.['status']);
    expect(statuses).toEqual([
      ...['in_review', 'changes_requested', 'requested', 'requested', 'requested', 'approved'],
    ]);
    expect((await json('log', item)).map(({ action, actor }) => [action, actor])).toEqual([
      ['requested', null],
      ['claim', 'anna'],
      ['request_change', 'anna'],
      ['resubmit', 'rita'],
      ['comment', 'anna'],
      ['approve', 'anna'],
      ['approve', 'bob'],
    ]);
    expect((await run('list', '--role', role)).stderr).toContain('No tasks.');
    expect((await run('list', '--role', role, '--closed')).stdout).toContain(item);
    expect((await json('show', item))[0]).toMatchObject({ status: 'approved', round: 2 });
    const listed = await json(
      'list',
      '--status',
      'approved',
      'rejected',
      '--kind',
      'human_task',
      '--role',
      role,
    );
    expect(listed).toMatchObject([{ item }]);
    expect((await run('list', '--role', role, '--closed', '--priority', 'low')).stderr).toContain(
      'No tasks.',
    );
    expect((await run('list', '--status', 'dancing')).stderr).toContain('Allowed choices');
    expect((await run('count')).stdout).toContain('approved: ');
  });

  it('a refusal prints its code, and a bulk act shows first what it would do', async () => {
    const role = `r-${randomUUID()}`;
    const item = await create({ assignee: { role } });
    const refused = await run('approve', item, '--reason', 'mine');
    expect([refused.code === 0, refused.stderr]).toEqual([false, expect.stringContaining('TASK_FORBIDDEN')]);
    expect((await run('claim', 'never-asked')).stderr).toContain('TASK_NOT_FOUND');
    // Nothing is asked where no person can answer.
    expect((await run('approve', item)).stderr).toContain('approve needs reason');
    const bulk = ['bulk', 'claim', '--role', role, '--as-role', role];
    expect((await run(...bulk, '--dry-run')).stdout).toBe(`would  ${item}  requested\n`);
    expect((await run(...bulk)).stdout).toBe(`done  ${item}  in_review\n`);
    expect((await json('show', item))[0]).toMatchObject({ claimedBy: 'anna' });
  });

  it('on a terminal the form is asked for field by field, and what it marks is not echoed', async () => {
    const form = {
      type: 'object',
      required: ['amount', 'account', 'pin', 'urgent'],
      properties: {
        amount: { type: 'integer', title: 'Amount' },
        account: { enum: ['main', 'side'] },
        note: { type: 'string' },
        pin: { type: 'string', writeOnly: true },
        urgent: { type: 'boolean' },
      },
    };
    const item = await create({ form });
    const [input, output] = [new PassThrough(), new PassThrough()];
    let screen = '';
    output.on('data', (part: Buffer) => (screen += part.toString()));
    const { tenant } = api().sluice;
    const scoped = { tasks: api().client.tasks };
    const tasks = Object.create(scoped.tasks, {
      get: { value: (name: string) => scoped.tasks.get(name, { tenant }) },
      act: {
        value: (...[name, action, given, by]: Parameters<typeof scoped.tasks.act>) =>
          scoped.tasks.act(name, action, given, { ...by, tenant }),
      },
    }) as typeof scoped.tasks;
    const client = { ...api().client, tasks } as never;
    const done = actOnTaskCommand(client, new Terminal({}, {}), {
      item,
      action: 'approve',
      as: 'anna',
      asker: () => createAsker({ input, output }),
    });
    for (const [question, keys] of [
      ['Amount', 'x\r'],
      ['must be', '\u007f5\r'],
      ['account', '\u001b[B\r'],
      ['note (optional)', '\r'],
      ['pin', 'geheim-4711\r'],
      ['urgent', 'y\r'],
      ['Reason', 'fits\r'],
    ] as const) {
      await waitFor(() => screen.includes(question));
      input.write(keys);
    }
    expect(await done).toBe(0);
    expect(screen).not.toContain('geheim');
    expect(await api().sluice.projections.tasks.get(tenant, item)).toMatchObject({
      decision: { answer: { amount: 5, account: 'side', pin: 'geheim-4711', urgent: true }, reason: 'fits' },
    });
  });
});
