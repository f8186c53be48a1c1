/** Tasks of people over the API and the client: who may act, repetitions, the inbox, what is shown. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { apiReads, createSluiceClient } from '../../client/index.js';
import { waitFor } from '../support/wait-for.js';
import { useApi, type AskOptions, type Caller } from './support/api.js';

const api = useApi();

const Item = z.object({ item: z.string() });
const Answer = z.object({ status: z.string(), decided: z.boolean(), seq: z.number() });
const Page = z.object({ items: z.array(z.looseObject({ item: z.string() })), next: z.string().nullable() });

const path = (item: string, rest = ''): string => `/v1/tasks/${encodeURIComponent(item)}${rest}`;
const create = async (more: object = {}, as: Caller = 'operator', options: AskOptions = {}) => {
  const { tenant, projections } = api().sluice;
  const { item } = await api().answer(Item, '/v1/tasks', {
    ...{ as, json: { title: 'Look', ...more } },
    ...options,
  });
  await waitFor(async () => (await projections.tasks.get(tenant, item)) !== undefined);
  return item;
};
const act = (item: string, action: string, json: object, as: Caller = 'admin') =>
  api().answer(Answer, path(item, `/${action}`), { as, json });
const refused = async (item: string, action: string, json: object, as: Caller = 'admin') =>
  (await api().refusal(path(item, `/${action}`), { as, json })).code;

describe('a task over the API', () => {
  it('the person of an act is the principal, with its roles and groups', async () => {
    const item = await create({ assignee: { role: 'finance' }, exclude: { requester: true } }, 'reviewer');
    const approve = { reason: 'fine' };
    // The key of the reviewer has the group, and asked; the operator has not the group.
    expect(await refused(item, 'approve', approve, 'reviewer')).toBe('TASK_FORBIDDEN');
    expect(await refused(item, 'approve', approve, 'operator')).toBe('TASK_FORBIDDEN');
    expect(await refused(item, 'approve', { ...approve, actor: 'ada' }, 'reviewer')).toBe('INPUT_INVALID');
    expect(await refused(item, 'approve', approve, 'reader')).toBe('FORBIDDEN');
    expect(await refused(item, 'reassign', { assignee: { role: 'admin' } }, 'reviewer')).toBe('FORBIDDEN');
    const log = z.object({
      items: z.array(z.object({ refused: z.object({ code: z.string() }).nullable() })),
    });
    const { items } = await api().answer(log, path(item, '/log'));
    expect(items.map((entry) => entry.refused?.code)).toEqual([
      undefined,
      'TASK_FORBIDDEN',
      'TASK_FORBIDDEN',
    ]);
    await act(item, 'reassign', { assignee: { account: 'ada', role: 'admin' } }, 'operator');
    expect(await act(item, 'approve', approve)).toMatchObject({ status: 'approved', decided: true });
    expect(await refused(item, 'reject', approve)).toBe('TASK_CLOSED');
    expect(await refused('never-asked', 'claim', {})).toBe('TASK_NOT_FOUND');
    const things = (
      await api().sluice.projections.reads.listAudit(api().sluice.tenant, { on: `task:${item}` })
    ).items;
    expect(things.map(({ act: done, outcome }) => `${done} ${outcome}`)).toContain('approveTask done');
  });

  it('the same idempotency key and the same request id get the first answer, also after the end', async () => {
    const item = await create({}, 'operator', { headers: { 'idempotency-key': randomUUID() } });
    const { tasks } = api().client;
    const { tenant } = api().sluice;
    const same = { tenant, actor: 'anna', requestId: 'r-1' };
    const first = await tasks.act(item, 'approve', { reason: 'yes' }, same);
    expect(first).toMatchObject({ status: 'approved', decided: true });
    expect(await tasks.act(item, 'approve', { reason: 'yes' }, same)).toEqual(first);
    await expect(tasks.act(item, 'reject', { reason: 'no' }, same)).rejects.toMatchObject({
      code: expect.stringMatching(/^(TASK_CLOSED|IDEMPOTENCY_KEY_REUSED)$/) as string,
    });
    const key = { headers: { 'idempotency-key': randomUUID() } };
    const made = { json: { title: 'Once' }, ...key };
    expect(await api().answer(Item, '/v1/tasks', made)).toEqual(await api().answer(Item, '/v1/tasks', made));
    expect((await api().refusal('/v1/tasks', { json: { title: 'Again', item } })).code).toBe('TASK_EXISTS');
    // A step would take it for its own.
    const ofStep = { title: 'Forged', item: `pay/${randomUUID()}/steps[0]` };
    expect((await api().refusal('/v1/tasks', { json: ofStep })).code).toBe('INPUT_INVALID');
    const run = { workflowId: 'w', runId: 'r', definition: 'd', stepId: 's', path: 'p', iteration: [] };
    expect((await api().refusal('/v1/tasks', { json: { title: 'Forged', run } })).code).toBe('INPUT_INVALID');
  });

  it('an item may have any name, and another tenant has its own of that name', async () => {
    const item = `invoice/7 ü?#%2F ${randomUUID()}`;
    expect(await create({ item })).toBe(item);
    expect(await act(item, 'claim', {})).toMatchObject({ status: 'in_review' });
    expect((await api().refusal(path(item), { as: 'other' })).code).toBe('TASK_NOT_FOUND');
    expect((await api().refusal(path(item, '/claim'), { as: 'other', json: {} })).code).toBe(
      'TASK_NOT_FOUND',
    );
  });

  it('the inbox pages by priority, and a bulk act says first what it would do', async () => {
    const role = `r-${randomUUID()}`;
    const low = await create({ assignee: { role }, priority: 'low' });
    const urgent = await create({ assignee: { role }, priority: 'urgent' });
    const first = await api().answer(Page, `/v1/tasks?role=${role}&limit=1`, { as: 'reader' });
    const second = await api().answer(Page, `/v1/tasks?role=${role}&limit=1&after=${first.next ?? ''}`);
    expect([...first.items, ...second.items].map(({ item }) => item)).toEqual([urgent, low]);
    expect(second.next).toBeNull();
    const lines = async (more: object) =>
      (await (await api().ask('/v1/tasks/bulk', { json: { filter: { role }, ...more } })).text())
        .trim()
        .split('\n')
        .map((line) => z.object({ outcome: z.string(), item: z.string() }).safeParse(JSON.parse(line)).data)
        // The last line counts them.
        .flatMap((line) => (line === undefined ? [] : [`${line.outcome} ${line.item}`]));
    const comment = { action: 'comment', input: { note: 'soon' } };
    expect(await lines({ ...comment, dryRun: true })).toEqual([`would ${urgent}`, `would ${low}`]);
    expect((await api().sluice.projections.tasks.entries(api().sluice.tenant, low)).items).toHaveLength(1);
    expect(await lines(comment)).toEqual([`done ${urgent}`, `done ${low}`]);
    expect((await api().refusal('/v1/tasks/bulk', { json: { ...comment, filter: {} } })).code).toBe(
      'INPUT_INVALID',
    );
    const counts = z.object({ open: z.number() });
    expect((await api().answer(counts, '/v1/task-counts')).open).toBeGreaterThanOrEqual(2);
  });

  it('what a form marks writeOnly is shown only to an admin who asks for it [marked-values-are-nowhere]', async () => {
    const pin = `pin-${randomUUID()}`;
    const form = {
      type: 'object',
      properties: { pin: { type: 'string', writeOnly: true }, ok: { type: 'boolean', writeOnly: true } },
      required: ['ok'],
    };
    const item = await create({ form, quorum: [{ count: 2 }] });
    await refused(item, 'approve', { reason: 'no ok', answer: { pin: `${pin}-first` } });
    await act(item, 'approve', { reason: `it is ${pin}`, answer: { pin, ok: true } });
    const shown = async (rest: string, as: Caller) => (await api().ask(path(item, rest), { as })).text();
    for (const rest of ['', '/log']) {
      for (const as of ['reader', 'reviewer', 'admin'] satisfies Caller[]) {
        const text = await shown(rest, as);
        expect(text).toContain('[redacted]');
        expect(text).not.toContain(pin);
        expect(text).not.toContain('"ok":true');
      }
      expect(await shown(`${rest}?unredacted=true`, 'admin')).toContain(pin);
      expect((await api().refusal(path(item, `${rest}?unredacted=true`), { as: 'reader' })).code).toBe(
        'FORBIDDEN',
      );
    }
  });

  it('what the payload of a run marks is in no task that the run asks for [marked-values-are-nowhere]', async () => {
    const pin = `pin-${randomUUID()}`;
    const definition = `asking-${randomUUID()}`;
    const source = `id: ${definition}
version: 1
payloadSchema: { type: object, properties: { pin: { type: string, writeOnly: true } } }
steps:
  - { id: ask, type: human.task, title: { $expr: '"For " & payload.pin' }, context: { $expr: payload }, assignee: { role: { $expr: payload.pin } } }
`;
    await api().ask('/v1/definitions', { json: { source } });
    const Ref = z.object({ runId: z.string() });
    const { runId } = await api().answer(Ref, '/v1/runs', { json: { definition, payload: { pin } } });
    const { tenant, projections } = api().sluice;
    const asked = async () =>
      (await projections.tasks.list(tenant, {}, { limit: 500 })).items.find((task) => task.runId === runId);
    const { item } = await waitFor(asked);
    await act(item, 'comment', { note: `about ${pin}` });
    for (const rest of ['/v1/tasks?limit=500', path(item), path(item, '/log')]) {
      const text = await (await api().ask(rest, { as: 'reviewer' })).text();
      expect(text).toContain('[redacted]');
      expect(text).not.toContain(pin);
    }
    const guess = await api().answer(Page, `/v1/tasks?role=${pin}`, { as: 'reviewer' });
    expect(guess.items).toEqual([]);
    expect(await (await api().ask(path(item, '?unredacted=true'))).text()).toContain(pin);
  });

  it('a client that reads through the API shows the same task', async () => {
    const { temporal, taskQueue, tenant } = api().sluice;
    const item = await create({ context: { amount: 5 } });
    const reads = apiReads({ url: api().url, token: api().token.reader });
    const client = await createSluiceClient({ ...temporal, taskQueue, tenant, reads });
    try {
      expect(await client.tasks.get(item)).toEqual(await api().client.tasks.get(item, { tenant }));
      expect(await client.tasks.log(item)).toEqual(await api().client.tasks.log(item, {}, { tenant }));
      expect(await client.tasks.count()).toEqual(await api().client.tasks.count({ tenant }));
      const asked = { requestedBy: 'otto', kind: 'human_task', priority: 'high' } as const;
      for (const ask of [{ onlyOpen: true }, { status: ['requested', 'approved'], ...asked }] as const) {
        const shown = await client.tasks.list(ask);
        expect(shown).toEqual(await api().client.tasks.list(ask, {}, { tenant }));
        expect(shown.items.length).toBeGreaterThan(0);
      }
      for (const unknown of [
        { status: 'dancing' },
        { kind: 'dance' },
        { priority: 'most' },
        { colour: 'red' },
      ]) {
        const refusal = { code: 'INPUT_INVALID' };
        await expect(client.tasks.list(unknown as object)).rejects.toMatchObject(refusal);
        const query = new URLSearchParams(unknown as never).toString();
        expect((await api().refusal(`/v1/tasks?${query}`, { as: 'reader' })).code).toBe('INPUT_INVALID');
      }
      await expect(client.tasks.get('never-asked')).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
    } finally {
      await client.close();
    }
  });
});
