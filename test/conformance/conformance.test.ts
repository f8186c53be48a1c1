/**
 * Every sentence of docs/definition.md, as cases (cases/*.yaml) on a real Temporal server. All runs of the
 * suite go at once; each test waits for its own.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DefinitionCase, type Expectation, loadCases } from './support/case-schema.js';
import { eventCounts, type ExecutionHistory, historiesOf, replay } from './support/histories.js';
import { isLine, linesOf } from './support/log-lines.js';
import { type FoldedLog, foldLog } from './support/log-rules.js';
import { limited } from './support/limited.js';
import { play, type Played } from './support/play.js';
import { expectRows } from './support/rows.js';
import { openWorld, type World } from './support/world.js';

const files = loadCases();
const started = new Map<DefinitionCase, Promise<Played>>();
const histories: ExecutionHistory[] = [];
let world: World;

/** More at once only make one another late. */
const RUNS_AT_ONCE = 24;
/** A case waits for those before it. */
const CASE_MS = 300_000;

beforeAll(async () => {
  world = await openWorld({ secrets: { TOKEN: 'correct-horse-battery' } });
  const refused: string[] = [];
  for (const document of files.flatMap(({ documents }) => documents)) {
    await world.publish(document).catch((error: unknown) => refused.push(`${document.id}: ${String(error)}`));
  }
  expect(refused).toEqual([]);
  const atOnce = limited(RUNS_AT_ONCE);
  for (const one of files.flatMap(({ cases }) => cases)) {
    const played = atOnce(() => play(world, one));
    // Each test looks at its own; one that fails early must not end the process before that.
    played.catch(() => undefined);
    started.set(one, played);
  }
});

afterAll(() => world?.close());

describe.each(files)('$name', ({ cases }) => {
  it.each(cases)(
    'the case "$name" has the end, log and rows of its file',
    { timeout: CASE_MS },
    async (one) => {
      const played = await (started.get(one) as Promise<Played>);
      const { handle, end } = played;
      const own = await historiesOf(world, handle.workflowId, handle.firstExecutionRunId);
      histories.push(...own);
      checkEnd(end, one.expect);
      const log = world.log(handle.firstExecutionRunId);
      if (one.expect.unstarted) {
        // One of Sluice's own workflows is not a run, so nothing logs it.
        const isRun = one.type?.startsWith('sluice.') !== true;
        expect(log.map(({ type }) => type)).toEqual(isRun ? ['RUN_FAILED'] : []);
        return;
      }
      const folded = checkLog(played, one.expect);
      const tenant = (one.memo?.['tenant'] as string | undefined) ?? 'default';
      await expectRows(world.projections, { tenant, runId: handle.firstExecutionRunId }, log, folded);
      checkCalls(handle.firstExecutionRunId, one.expect);
      const text = JSON.stringify([own, log]);
      for (const secret of one.expect.secrets) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain(Buffer.from(secret).toString('base64').slice(0, -4));
      }
      if (Object.keys(one.expect.history).length > 0) {
        expect(eventCounts(own)).toMatchObject(one.expect.history);
      }
    },
  );
});

it('the history of every case replays [replays-are-equal]', { timeout: CASE_MS }, async () => {
  expect(histories.length).toBeGreaterThanOrEqual(started.size);
  await replay(histories);
});

function checkEnd(end: Played['end'], expected: Expectation): void {
  if (expected.error !== undefined) {
    const { message, details, ...rest } = expected.error;
    expect(end).toMatchObject({ kind: 'error', type: expected.error.code, error: rest });
    if (end.kind !== 'error') return;
    if (message !== undefined) expect(end.error.message).toContain(message);
    if (details !== undefined) expect(end.error.details).toEqual(details);
  } else if (expected.canceled) {
    expect(end).toEqual({ kind: 'canceled' });
  } else {
    expect(end).toEqual({ kind: 'result', result: expected.result ?? null });
  }
}

const STATUS = { result: 'SUCCEEDED', error: 'FAILED', canceled: 'CANCELED' } as const;

function checkLog({ handle, end }: Played, expected: Expectation): FoldedLog {
  const log = world.log(handle.firstExecutionRunId);
  const folded = foldLog(log);
  expect(folded.run).toBe(STATUS[end.kind]);
  const lines = linesOf(log);
  const texts = lines.map(({ text }) => text);
  let from = 0;
  for (const named of expected.events) {
    const at = lines.findIndex((line, index) => index >= from && isLine(line, named));
    expect(at, `${named} after ${from} lines of ${texts.join(' | ')}`).toBeGreaterThanOrEqual(0);
    from = at + 1;
  }
  for (const named of expected.absent) {
    expect(texts, named).not.toContainEqual(lines.find((line) => isLine(line, named))?.text ?? Symbol(named));
  }
  for (const [named, count] of Object.entries(expected.counts)) {
    expect(lines.filter((line) => isLine(line, named)).length, `${named} in ${texts.join(' | ')}`).toBe(
      count,
    );
  }
  expect(Object.fromEntries(folded.steps)).toMatchObject(expected.steps);
  expect(Object.fromEntries(folded.waits)).toMatchObject(expected.waits);
  return folded;
}

function checkCalls(runId: string, expected: Expectation): void {
  const calls = world.test.calls.filter((call) => call.runId === runId);
  for (const [step, inputs] of Object.entries(expected.inputs)) {
    expect(calls.filter((call) => call.step === step).map(({ input }) => input)).toEqual(inputs);
  }
  for (const step of expected.oneKey) {
    const own = calls.filter((call) => call.step === step);
    expect(own.length).toBeGreaterThan(1);
    expect(new Set(own.map(({ key }) => key)).size).toBe(1);
  }
}
