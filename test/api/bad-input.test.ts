/**
 * Sends every route of the document input that it must refuse. The answer has a code and the right status,
 * and no row has changed afterwards, except that the audit has what was refused.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { AuditView } from '../../projections/index.js';
import { waitFor } from '../support/wait-for.js';
import { useApi, type AskOptions, type Caller } from './support/api.js';
import { filled, routesOf, type Route } from './support/document.js';
import { everyRow } from './support/rows.js';

const api = useApi();

const WAITING =
  'id: waiting\nversion: 1\nsteps:\n  - { id: ask, type: event.wait, eventName: GO, correlationKey: k }\n';
const STRICT = 'id: strict\nversion: 1\npayloadSchema: { type: object, required: [orderId] }\nsteps: []\n';
const NOWHERE = '0199aaaa-0000-7000-8000-000000000000';
const LETTER = {
  id: 'letter-1',
  kind: 'event',
  subject: 'GO',
  reason: 'test',
  retryWith: { envelope: {} },
  at: 0,
} as const;

let routes: readonly Route[];
let run: { runId: string; workflowId: string };
let rows: object;
let audited: readonly AuditView[];
let history: number;

const CALENDAR = { timeZone: 'Europe/Paris', week: { mon: [{ from: '09:00', to: '17:00' }] } };
const BODIES: Readonly<Record<string, unknown>> = {
  startRun: { definition: 'waiting' },
  rewindRun: { stepPath: 'steps[0]' },
  signalRun: { eventName: 'GO' },
  bulkRuns: { action: 'cancel', filter: { definition: 'waiting' } },
  bulkDeadLetters: { action: 'dismiss', filter: {}, all: true },
  publishDefinition: { source: WAITING.replace('version: 1', 'version: 9') },
  promoteDefinition: { version: 1 },
  validateDefinition: { source: WAITING },
  putCalendar: CALENDAR,
  createTask: { title: 'Look' },
  approveTask: { reason: 'r' },
  rejectTask: { reason: 'r' },
  answerTask: { outcome: 'approve' },
  requestChangeOfTask: { reason: 'r' },
  resubmitTask: { reason: 'r' },
  commentTask: { note: 'n' },
  reassignTask: { assignee: { role: 'r' } },
  escalateTask: { reason: 'r' },
  overrideTask: { reason: 'r', confirm: 'OVERRIDE NONE' },
  bulkTasks: { action: 'comment', input: { note: 'n' }, filter: {}, all: true },
  publishEvent: { eventName: 'GO' },
  erase: { correlationKey: 'nothing', dryRun: true },
  decodePayloads: { payloads: [] },
  encodePayloads: { payloads: [] },
};

/** A request to the route that is valid but for the tested part. */
function right(
  route: Route,
  values: Readonly<Record<string, string>> = {},
): { path: string; asked: AskOptions } {
  const ids = {
    runId: run.runId,
    definitionId: 'waiting',
    version: '1',
    deadLetterId: LETTER.id,
    taskId: 'none',
    calendarName: 'none',
    ...values,
  };
  const query = route.id === 'explainEvent' ? '?source=s&eventId=e' : '';
  const body = BODIES[route.id];
  return {
    path: `${filled(route.path, ids)}${query}`,
    asked: { method: route.method, ...(body !== undefined && { json: body }) },
  };
}

const secured = (): readonly Route[] => routes.filter(({ operation }) => operation.security !== undefined);

/** Every row that an act can change: all but those of the audit. */
async function changedBy(): Promise<object> {
  const all = Object.entries(await everyRow(api().sluice.projections));
  return Object.fromEntries(all.filter(([table]) => !table.startsWith('audit')));
}
/** Newest first. */
async function audit(): Promise<readonly AuditView[]> {
  const { projections, tenant } = api().sluice;
  return (await projections.reads.listAudit(tenant, {}, { limit: 500 })).items;
}

beforeAll(async () => {
  await api().ask('/v1/definitions', { json: { source: WAITING } });
  await api().ask('/v1/definitions', { json: { source: STRICT } });
  run = await api().answer(z.object({ runId: z.string(), workflowId: z.string() }), '/v1/runs', {
    json: { definition: 'waiting' },
  });
  await waitFor(async () => (await api().ask(`/v1/runs/${run.runId}/waits`)).status === 200);
  await waitFor(
    async () =>
      (await api().sluice.projections.reads.getRun(api().sluice.tenant, run.runId))?.status === 'WAITING',
  );
  await api().sluice.projections.deadLetters.put([{ ...LETTER, tenant: api().sluice.tenant }]);
  routes = await routesOf(api());
  rows = await changedBy();
  audited = await audit();
  history = (await api().sluice.history(run)).length;
});

afterAll(async () => {
  expect(await changedBy()).toEqual(rows);
  for (const { outcome, act } of (await audit()).slice(0, -audited.length)) {
    expect(['refused', 'failed'], act).toContain(outcome);
  }
  expect((await api().sluice.history(run)).length).toBe(history);
  await api().sluice.client.terminate(run.workflowId);
});

describe('no route', () => {
  it.each<[string, AskOptions]>([
    ['without a token', { as: undefined }],
    ['with another scheme than Bearer', { as: undefined, headers: { authorization: 'Basic YTpi' } }],
    ['with an unknown key', { as: undefined, headers: { authorization: `Bearer sluice_${'A'.repeat(43)}` } }],
    ['with half a token', { as: undefined, headers: { authorization: 'Bearer' } }],
    [
      'with a token of 20,000 characters',
      { as: undefined, headers: { authorization: `Bearer ${'x'.repeat(15_000)}` } },
    ],
    [
      'with an unsigned JWT',
      { as: undefined, headers: { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.' } },
    ],
  ])('answers %s', async (_, more) => {
    for (const route of secured()) {
      const { path, asked } = right(route);
      const refusal = await api().refusal(path, { ...asked, ...more });
      expect([route.id, refusal.code, refusal.status]).toEqual([route.id, 'UNAUTHENTICATED', 401]);
    }
  });

  it('no route acts in a tenant that the token is not bound to', async () => {
    for (const route of secured()) {
      const { path, asked } = right(route);
      const { code } = await api().refusal(path, {
        ...asked,
        headers: { 'sluice-tenant': 'somebody-elses' },
      });
      expect([route.id, code]).toEqual([route.id, 'TENANT_FORBIDDEN']);
    }
  });

  it('no route acts in a tenant whose name is not valid', async () => {
    for (const route of secured().filter(({ path }) => path !== '/metrics')) {
      const { path, asked } = right(route);
      const { code } = await api().refusal(path, {
        ...asked,
        as: 'everywhere',
        headers: { 'sluice-tenant': 'a b' },
      });
      expect([route.id, code]).toEqual([route.id, 'INPUT_INVALID']);
    }
  });

  it.each<[Caller, RegExp]>([
    ['reader', /^(?!get|list|count|explain|follow|export|validate)/],
    [
      'publisher',
      /^(?!get|list|count|explain|follow|export|validate|publishDefinition|promoteDefinition|unpublish|putCalendar)/,
    ],
    ['operator', /^(publishDefinition|promoteDefinition|unpublish|putCalendar)/],
  ])('is open to a %s beyond the role', async (as, beyond) => {
    const refused = secured().filter(({ id }) => beyond.test(id));
    expect(refused.length).toBeGreaterThan(1);
    for (const route of refused) {
      const { path, asked } = right(route);
      expect([route.id, (await api().refusal(path, { ...asked, as })).code]).toEqual([route.id, 'FORBIDDEN']);
    }
  });

  it('no route reads or changes an entry of another tenant or an unknown entry', async () => {
    const expected: Readonly<Record<string, string>> = {
      runId: 'RUN_NOT_FOUND',
      definitionId: 'DEFINITION_NOT_FOUND',
      deadLetterId: 'DEAD_LETTER_NOT_FOUND',
      taskId: 'TASK_NOT_FOUND',
      calendarName: 'CALENDAR_NOT_FOUND',
    };
    // A calendar is made under the name.
    const legacy = /^(resume|retryRun|requeueEventWait|execute|putCalendar)/;
    for (const route of secured().filter(({ path, id }) => path.includes('{') && !legacy.test(id))) {
      const name = /\{(\w+)\}/.exec(route.path)?.[1] ?? '';
      const theirs = right(route);
      const { code, status } = await api().refusal(theirs.path, { ...theirs.asked, as: 'other' });
      expect([route.id, code, status]).toEqual([route.id, expected[name], 404]);
      const nowhere = right(route, { [name]: NOWHERE });
      expect([route.id, (await api().refusal(nowhere.path, nowhere.asked)).code]).toEqual([
        route.id,
        expected[name],
      ]);
    }
  });

  it('every route refuses a path parameter that cannot be an id', async () => {
    for (const route of secured().filter(({ path }) => path.includes('{'))) {
      for (const bad of ['\u0000', 'a\nb', 'x'.repeat(513)]) {
        const name = /\{(\w+)\}/.exec(route.path)?.[1] ?? '';
        const { path, asked } = right(route, { [name]: bad });
        const refusal = await api().refusal(path, asked);
        expect([route.id, refusal.code, refusal.errors?.[0]?.location]).toEqual([
          route.id,
          'INPUT_INVALID',
          'path',
        ]);
      }
    }
  });

  it('every route refuses an unknown query parameter and a repeated one', async () => {
    for (const route of secured().filter(({ path }) => path !== '/metrics')) {
      const { path, asked } = right(route);
      const refusal = await api().refusal(
        `${path}${path.includes('?') ? '&' : '?'}nonsense=1&nonsense=2`,
        asked,
      );
      expect([route.id, refusal.code, refusal.errors?.length]).toEqual([route.id, 'INPUT_INVALID', 2]);
    }
  });

  it.each([
    ['/v1/runs?status=NOT_ONE&limit=0&startedFrom=yesterday', ['status', 'startedFrom', 'limit']],
    ['/v1/runs?limit=501', ['limit']],
    ['/v1/runs?limit=ten', ['limit']],
    ['/v1/events?after=nonsense', [undefined]],
    ['/v1/dead-letters?kind=letter', ['kind']],
    ['/v1/events/explain?source=a', ['eventId']],
  ])('takes %s', async (path, pointers) => {
    const refusal = await api().refusal(path);
    expect([refusal.code, refusal.errors?.map(({ pointer }) => pointer) ?? [undefined]]).toEqual([
      'INPUT_INVALID',
      pointers,
    ]);
  });
});

describe('a body', () => {
  const withBody = (): readonly Route[] =>
    routes.filter(({ operation }) => operation.requestBody !== undefined);

  it.each<[string, AskOptions, string, number]>([
    [
      'that is not JSON',
      { body: '{"definition": ', headers: { 'content-type': 'application/json' } },
      'INPUT_INVALID',
      400,
    ],
    [
      'that is not UTF-8',
      { body: new Uint8Array([0x7b, 0xff]), headers: { 'content-type': 'application/json' } },
      'INPUT_INVALID',
      400,
    ],
    [
      'nested a thousand deep',
      { body: `${'['.repeat(1_000)}${']'.repeat(1_000)}`, headers: { 'content-type': 'application/json' } },
      'INPUT_INVALID',
      400,
    ],
    [
      'of another content type',
      { body: '<a/>', headers: { 'content-type': 'application/xml' } },
      'MEDIA_TYPE_UNSUPPORTED',
      415,
    ],
    ['without a kind', { body: new Uint8Array([0x7b, 0x7d]) }, 'MEDIA_TYPE_UNSUPPORTED', 415],
    ['of two megabytes', { json: { definition: 'x'.repeat(2_000_000) } }, 'REQUEST_TOO_LARGE', 413],
    ['that is a list', { json: [] }, 'INPUT_INVALID', 400],
    ['that is null', { json: null }, 'INPUT_INVALID', 400],
    ['with an unknown field', { json: { nonsense: 1 } }, 'INPUT_INVALID', 400],
  ])('%s is refused by every route that takes one', async (_, sent, code, status) => {
    for (const route of withBody()) {
      const { path } = right(route);
      const refusal = await api().refusal(path, { method: 'POST', ...sent });
      expect([route.id, refusal.code, refusal.status]).toEqual([route.id, code, status]);
    }
  });

  it('[nothing-is-rounded] a number that would be rounded is refused by every route, with its place', async () => {
    const body = '{"payload":{"account":9007199254740993,"amount":1e400,"__proto__":{"a":1}}}';
    for (const route of withBody()) {
      const { path } = right(route);
      const refusal = await api().refusal(path, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      });
      const code = route.id === 'publishEvent' ? 'EVENT_INVALID' : 'PAYLOAD_INVALID';
      expect([route.id, refusal.code, refusal.status]).toEqual([route.id, code, 400]);
      expect(refusal.errors?.map(({ pointer }) => pointer).sort()).toEqual([
        '/payload/__proto__',
        '/payload/account',
        '/payload/amount',
      ]);
    }
  });

  it('a start whose payload does not fit the schema is refused, and no run exists', async () => {
    const refusal = await api().refusal('/v1/runs', { json: { definition: 'strict', workflowId: 'unfit' } });
    expect([refusal.code, refusal.status]).toEqual(['PAYLOAD_INVALID', 400]);
    expect(refusal.errors).toMatchObject([{ pointer: '$.orderId', detail: 'is missing' }]);
    await expect(api().sluice.client.state('unfit')).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' });
  });

  it('a body of two megabytes is refused before it is read, even without a Content-Length', async () => {
    const chunk = new Uint8Array(64 * 1_024).fill(0x20);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (sent++ < 32) controller.enqueue(chunk);
        else controller.close();
      },
    });
    const response = await fetch(new URL('/v1/runs', api().url), {
      method: 'POST',
      headers: { authorization: `Bearer ${api().token.admin}`, 'content-type': 'application/json' },
      body,
      duplex: 'half',
    });
    expect(response.status).toBe(413);
    await response.body?.cancel();
  });

  it.each<[string, string, unknown, readonly string[]]>([
    [
      'startRun',
      '/v1/runs',
      { definition: 5, version: '1', workflowId: '', correlationKeys: 'k', reuse: 'sometimes' },
      ['/definition', '/version', '/workflowId', '/correlationKeys', '/reuse'],
    ],
    ['startRun', '/v1/runs', {}, ['/definition']],
    ['cancelRun', '/v1/runs/RUN/cancel', { reason: 7 }, ['/reason']],
    ['cancelRun', '/v1/runs/RUN/cancel', { reason: 'x'.repeat(1_001) }, ['/reason']],
    ['rerunRun', '/v1/runs/RUN/rerun', { whileOpen: 'yes' }, ['/whileOpen']],
    ['rewindRun', '/v1/runs/RUN/rewind', { stepPath: '', iteration: ['a'] }, ['/stepPath', '/iteration/0']],
    ['signalRun', '/v1/runs/RUN/signal', { eventName: '', signal: 'resync' }, ['/eventName', '/signal']],
    [
      'bulkRuns',
      '/v1/runs/bulk',
      { action: 'delete', filter: { status: 'X' }, concurrency: 51 },
      ['/action', '/filter/status', '/concurrency'],
    ],
    ['retryDeadLetter', '/v1/dead-letters/letter-1/retry', { note: 1 }, ['/note']],
    ['bulkDeadLetters', '/v1/dead-letters/bulk', { action: 'retry' }, ['/filter']],
    ['publishEvent', '/v1/events', { eventName: 1, correlationKey: {} }, ['/eventName', '/correlationKey']],
  ])('%s %s: every wrong field is named', async (_, path, json, pointers) => {
    const refusal = await api().refusal(path.replace('RUN', run.runId), { json });
    expect([refusal.code, refusal.errors?.map(({ pointer }) => pointer)]).toEqual([
      'INPUT_INVALID',
      pointers,
    ]);
  });

  it('a bulk operation with an empty filter is refused without `all`', async () => {
    for (const [path, action] of [
      ['/v1/runs/bulk', 'cancel'],
      ['/v1/dead-letters/bulk', 'dismiss'],
    ] as const) {
      const refusal = await api().refusal(path, { json: { action, filter: {} } });
      expect([refusal.code, refusal.detail]).toEqual(['INPUT_INVALID', expect.stringContaining('all')]);
    }
  });
});

describe('an answer', () => {
  it('the answer to an unknown path or method is a problem with a code', async () => {
    const nothing = await api().ask('/v2/nothing', { as: undefined });
    expect([nothing.status, nothing.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
    expect(await nothing.json()).toMatchObject({
      code: 'ROUTE_NOT_FOUND',
      instance: '/v2/nothing',
      type: 'urn:sluice:error:ROUTE_NOT_FOUND',
    });
    for (const [method, path, allow] of [
      ['DELETE', '/v1/runs', 'GET, POST, HEAD'],
      ['GET', '/v1/runs/bulk', 'POST'],
      ['PUT', `/v1/runs/${NOWHERE}`, 'GET, HEAD'],
      ['OPTIONS', '/v1/definitions', 'POST, GET, HEAD'],
      ['POST', '/healthz', 'GET, HEAD'],
    ] as const) {
      const response = await api().ask(path, { method });
      expect([path, response.status, response.headers.get('allow')?.split(', ').sort()]).toEqual([
        path,
        405,
        allow.split(', ').sort(),
      ]);
      expect(await response.json()).toMatchObject({ code: 'METHOD_NOT_ALLOWED' });
    }
  });

  it('a document that is sent as the body itself, as JSON, is refused with how to send it', async () => {
    for (const path of ['/v1/definitions', '/v1/validations']) {
      const response = await api().ask(path, { json: { id: 'bare', version: 1, steps: [] } });
      const problem = z
        .object({ code: z.string() })
        .loose()
        .parse(await response.json());
      expect(problem.code).toBe('INPUT_INVALID');
      expect(JSON.stringify(problem)).toContain('must be {source, format?} with the document as text');
    }
  });

  it('every answer has a request id and security headers, and is not cacheable', async () => {
    const response = await api().ask('/v1/runs');
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('the log never holds a token', () => {
    for (const token of Object.values(api().token)) expect(api().log.join('')).not.toContain(token);
  });
});
