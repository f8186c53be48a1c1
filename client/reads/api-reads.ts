/**
 * Reads runs and definitions over the HTTP API, for a process that cannot open the database: another process
 * has it open, or it is on another machine.
 *
 * Invariants
 * - It answers as `projections.reads` does: a missing entry is undefined, a page continues where the last one
 *   ended, and every other refusal is the API's coded error.
 * - The answers are redacted (`redacted: true`): nothing here may be taken for a run's original payload.
 */
import { z } from 'zod';
import {
  ApiAct,
  apiPage,
  ApiDefinition,
  ApiDefinitionSummary,
  ApiEvidence,
  ApiInvocation,
  ApiRun,
  ApiRunEvent,
  ApiRunInbound,
  ApiRunSummary,
  ApiStep,
  ApiWait,
} from '../../contracts/http/api.js';
import { ApiCalendar, ApiCalendarSummary } from '../../contracts/http/calendars.js';
import { ApiTask, ApiTaskCounts, ApiTaskEntry, ApiTaskSummary } from '../../contracts/http/tasks.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { JsonValue, type Json } from '../../contracts/json.js';
import { RunEvent } from '../../contracts/run/run-events.js';
import type { TaskView } from '../../contracts/tasks/record.js';
import { TaskDecision } from '../../contracts/tasks/task.js';
import type { Page, PageRequest, UnreadableRow } from '../../projections/index.js';
import type { RunReads } from './reads.js';

/** Time limit of one request, ms. */
const LIMIT_MS = 30_000;

export interface ApiReadsOptions {
  /** Base address, such as `http://127.0.0.1:8235`. */
  readonly url: string;
  /** Absent: the API runs without tokens. */
  readonly token?: string | undefined;
}

const Refusal = z.object({ code: z.string(), detail: z.string(), details: JsonValue.optional() });
const json = (value: unknown): Json => JsonValue.parse(value ?? null);

/**
 * Reads from an API. Each request names the tenant of the call; the token must be bound to it.
 * @throws SluiceError each method: API_UNAVAILABLE, UNAUTHENTICATED, TENANT_FORBIDDEN, FORBIDDEN,
 *   RATE_LIMITED, and the errors of the API's database
 */
export function apiReads({ url, token }: ApiReadsOptions): RunReads {
  const ask = async <T extends z.ZodType>(
    shape: T,
    tenant: string,
    path: string,
    query: Readonly<Record<string, string | number | boolean | undefined>> = {},
  ): Promise<z.output<T>> => {
    const target = new URL(path, url);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) target.searchParams.set(name, String(value));
    }
    return await askApi(target, shape, { tenant, token, limitMs: LIMIT_MS });
  };
  const ofRun = <T extends z.ZodType, V>(name: string, item: T, view: (item: z.output<T>) => V) => {
    const shape = apiPage(item);
    return async (
      tenant: string,
      runId: string,
      page: PageRequest & { superseded?: boolean | undefined } = {},
    ) => {
      const path = `/v1/runs/${encodeURIComponent(runId)}/${name}`;
      try {
        const answer = await ask(shape, tenant, path, { ...page });
        return { ...toPage(answer), items: (answer.items as z.output<T>[]).map(view) } satisfies Page<V>;
      } catch (thrown) {
        // projections.reads answers an empty page for an unknown run.
        if (thrown instanceof SluiceError && thrown.code === 'RUN_NOT_FOUND') {
          return { items: [], next: null };
        }
        throw thrown;
      }
    };
  };
  return {
    redacted: true,
    listRuns: async (tenant, filter = {}, page = {}) =>
      toPage(await ask(apiPage(ApiRunSummary), tenant, '/v1/runs', { ...filter, ...page })),
    getRun: async (tenant, runId) => {
      const run = await orUndefined(
        ['RUN_NOT_FOUND'],
        ask(ApiRun, tenant, `/v1/runs/${encodeURIComponent(runId)}`),
      );
      if (run === undefined) return undefined;
      const { payload, trigger, result, error, ...rest } = run;
      return {
        ...rest,
        payload: json(payload),
        trigger: json(trigger),
        result: json(result),
        error: error === null ? null : { ...error, details: json(error.details) },
      };
    },
    listSteps: ofRun('steps', ApiStep, ({ stepPath: path, stepId: id, input, output, error, ...step }) => ({
      ...step,
      path,
      id,
      input: json(input),
      output: json(output),
      error: error === null ? null : { ...error, details: json(error.details) },
    })),
    listEvents: ofRun('events', ApiRunEvent, toEvent),
    pageWaits: ofRun('waits', ApiWait, ({ stepPath: path, filters, ...wait }) => ({
      ...wait,
      path,
      filters: json(filters),
    })),
    pageInvocations: ofRun(
      'invocations',
      ApiInvocation,
      ({ stepPath: path, input, output, error, ...use }) => ({
        ...use,
        path,
        input: json(input),
        output: json(output),
        error: error === null ? null : { ...error, details: json(error.details) },
      }),
    ),
    pageEvidence: ofRun('evidence', ApiEvidence, ({ stepPath: path, body, ...evidence }) => ({
      ...evidence,
      path,
      body: json(body),
    })),
    pageInbound: ofRun(
      'inbound',
      ApiRunInbound,
      ({ eventId: id, eventName: name, error, envelope, ...event }) => ({
        ...event,
        id,
        name,
        error: json(error),
        envelope: json(envelope),
      }),
    ),
    listAudit: async (tenant, filter = {}, page = {}) =>
      toPage(await ask(apiPage(ApiAct), tenant, '/v1/audit', { ...filter, ...page })),
    listTasks: async (tenant, { status, ...filter } = {}, page = {}) => {
      const query = { ...filter, ...page, status: status && [status].flat().join(',') };
      return toPage(await ask(apiPage(ApiTaskSummary), tenant, '/v1/tasks', query));
    },
    countTasks: (tenant) => ask(ApiTaskCounts, tenant, '/v1/task-counts'),
    getTask: async (tenant, item) => {
      const task = await orUndefined(['TASK_NOT_FOUND'], ask(ApiTask, tenant, taskPath(item)));
      return task && toTask(task);
    },
    listTaskEntries: async (tenant, item, page = {}) => {
      const answer = await orUndefined(
        ['TASK_NOT_FOUND'],
        ask(apiPage(ApiTaskEntry), tenant, `${taskPath(item)}/log`, { ...page }),
      );
      if (answer === undefined) return { items: [], next: null };
      return {
        ...toPage(answer),
        items: answer.items.map((entry) => ({ ...entry, given: json(entry.given) })),
      };
    },
    listCalendars: async (tenant, page = {}) =>
      toPage(await ask(apiPage(ApiCalendarSummary), tenant, '/v1/calendars', { ...page })),
    getCalendar: (tenant, name) =>
      orUndefined(
        ['CALENDAR_NOT_FOUND'],
        ask(ApiCalendar, tenant, `/v1/calendars/${encodeURIComponent(name)}`),
      ),
    listDefinitions: async (tenant, page = {}) =>
      toPage(await ask(apiPage(ApiDefinitionSummary), tenant, '/v1/definitions', { ...page })),
    getDefinition: (tenant, id, version) => {
      const path = `/v1/definitions/${encodeURIComponent(id)}${version === undefined ? '' : `/versions/${version}`}`;
      return orUndefined(
        ['DEFINITION_NOT_FOUND', 'DEFINITION_VERSION_NOT_FOUND'],
        ask(ApiDefinition, tenant, path),
      );
    },
  };
}

const taskPath = (item: string): string => `/v1/tasks/${encodeURIComponent(item)}`;

function toTask(task: z.output<typeof ApiTask>): TaskView {
  const { context, form, outcomeForms, votes, decision } = task;
  return {
    ...task,
    context: json(context),
    form: json(form),
    outcomeForms: Object.fromEntries(Object.entries(outcomeForms).map(([name, own]) => [name, json(own)])),
    votes: votes.map((vote) => ({ ...vote, answer: json(vote.answer) })),
    decision: decision && TaskDecision.parse({ ...decision, answer: json(decision.answer) }),
  };
}

interface ApiPage<T> {
  readonly items: T[];
  readonly next: string | null;
  readonly unreadable?: UnreadableRow[] | undefined;
}

function toPage<T>({ items, next, unreadable }: ApiPage<T>): Page<T> {
  return { items, next, ...(unreadable !== undefined && { unreadable }) };
}

/**
 * An event as the log has it. A redacted value may not have its original type any more; such data stay
 * unparsed.
 */
function toEvent({
  executionId,
  superseded,
  stepPath,
  iteration,
  attempt,
  at,
  data,
  ...rest
}: z.output<typeof ApiRunEvent>) {
  const event = {
    ...rest,
    at: Date.parse(at),
    data,
    ...(stepPath !== null && { stepPath }),
    ...(iteration.length > 0 && { iteration }),
    ...(attempt !== null && { attempt }),
  };
  const parsed = RunEvent.safeParse(event);
  return { ...(parsed.success ? parsed.data : (event as unknown as RunEvent)), executionId, superseded };
}

async function orUndefined<T>(codes: readonly string[], answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof SluiceError && codes.includes(thrown.code)) return undefined;
    throw thrown;
  }
}

/** One request to the API. */
export interface ApiRequest {
  readonly tenant: string;
  readonly token: string | undefined;
  readonly limitMs: number;
  /** What is posted, as JSON; absent: a GET. */
  readonly body?: unknown;
}

/** Sends a request, and reads its answer. @throws SluiceError API_UNAVAILABLE, and what the API answers */
export async function askApi<T extends z.ZodType>(
  target: URL,
  shape: T,
  request: ApiRequest,
): Promise<z.output<T>> {
  const { ok, status, body } = await fetchJson(target, request);
  if (ok) return shape.parse(body);
  const refusal = Refusal.safeParse(body);
  if (!refusal.success) throw unavailable(target.origin, `HTTP ${status}, and not an answer of Sluice`);
  const { code, detail, details } = refusal.data;
  throw new SluiceError(code, detail, details === undefined ? {} : { details });
}

async function fetchJson(
  target: URL,
  { tenant, token, limitMs, body }: ApiRequest,
): Promise<{ readonly ok: boolean; readonly status: number; readonly body: unknown }> {
  try {
    const response = await fetch(target, {
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      headers: {
        accept: 'application/json',
        'sluice-tenant': tenant,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      signal: AbortSignal.timeout(limitMs),
    });
    return { ok: response.ok, status: response.status, body: await response.json() };
  } catch (error) {
    throw unavailable(target.origin, toSluiceError(error).message, error);
  }
}

function unavailable(url: string, why: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'API_UNAVAILABLE',
    `The API at ${url}: ${why}`,
    cause === undefined ? {} : { cause },
  );
}
