/**
 * Replays recorded histories with the workflow code as it is.
 *
 * Invariant: a replay is good only where Temporal accepts it and every value that the workflow handed to
 * Temporal (inputs of activities and children, timers, the state carried over, the result) is the one that
 * the history holds.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defaultPayloadConverter } from '@temporalio/common';
import proto from '@temporalio/proto';
import {
  bundleWorkflowCode,
  DefaultLogger,
  type InjectedSinks,
  type ReplayHistoriesIterable,
  type WorkflowBundle,
  Worker,
} from '@temporalio/worker';
import type { CommandSinks } from './report-commands.js';

const { History } = proto.temporal.api.history.v1;
type History = ReturnType<typeof History.fromObject>;

/** A history as its file holds it: enums by name, bytes in base64. */
export interface Recorded {
  readonly name: string;
  readonly json: { readonly events: readonly Record<string, unknown>[] };
}

/** The outcome of one replay. */
export interface Replayed {
  readonly name: string;
  /** Why Temporal rejects the replay. */
  readonly error: Error | undefined;
  /** Number of commands in the history. */
  readonly commands: number;
  /** The first command that differs from the recorded one, with a part of both. */
  readonly difference: Difference | undefined;
}

export interface Difference {
  readonly command: number;
  readonly asked: string;
  readonly recorded: string;
}

const FOLDER = new URL('histories/', import.meta.url);
const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** All recorded histories. */
export function recordedHistories(): readonly Recorded[] {
  return readdirSync(FOLDER)
    .sort()
    .map((file) => ({
      name: file.replace(/\.json$/, ''),
      json: JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Recorded['json'],
    }));
}

/** The workflows as they are, with a reporter of their commands. */
export function replayBundle(): Promise<WorkflowBundle> {
  return bundleWorkflowCode({
    workflowsPath: path('../../workflows/index.ts'),
    workflowInterceptorModules: [
      path('../../workflows/interceptors.ts'),
      path('./report-commands.ts'),
      path('./fill-cache.ts'),
    ],
    payloadConverterPath: path('../../workflows/payload-converter.ts'),
    logger: new DefaultLogger('ERROR'),
  });
}

/**
 * The same bundle with a text in it replaced.
 * @throws Error where it does not hold the text
 */
export function changedBundle({ code }: WorkflowBundle, before: string, after: string): WorkflowBundle {
  if (!code.includes(before)) throw new Error(`The bundle does not hold ${before}`);
  return { code: code.replace(before, after) };
}

/** Replays histories one after the other in one worker. */
export async function replay(
  workflowBundle: WorkflowBundle,
  histories: readonly Recorded[],
): Promise<readonly Replayed[]> {
  let asked = new Map<number, string>();
  const sinks: InjectedSinks<CommandSinks> = {
    commands: {
      add: {
        callDuringReplay: true,
        fn: (_info, ...[number, kind, name, values]) => {
          asked.set(number, line(kind, name, values));
        },
      },
      withdraw: {
        callDuringReplay: true,
        fn: (_info, number) => {
          asked.delete(number);
        },
      },
    },
  };
  const parsed = histories.map(({ name, json }) => {
    const history = History.fromObject(json);
    // The id of the recorded run: expressions can see it.
    const { workflowId } = history.events[0]?.workflowExecutionStartedEventAttributes ?? {};
    return { name, workflowId: workflowId ?? '', history };
  });
  const found: Replayed[] = [];
  for await (const { error } of Worker.runReplayHistories(
    { workflowBundle, sinks },
    parsed as ReplayHistoriesIterable,
  )) {
    const { name, history } = parsed[found.length] as (typeof parsed)[number];
    const recorded = linesOf(history);
    found.push({
      name,
      error,
      commands: recorded.length,
      difference: differenceOf([...asked.values()], recorded),
    });
    asked = new Map();
  }
  return found;
}

/** Characters that are shown on either side of the first difference. */
const SHOWN = 120;

function differenceOf(asked: readonly string[], recorded: readonly string[]): Difference | undefined {
  for (let command = 0; command < Math.max(asked.length, recorded.length); command++) {
    const [a, b] = [asked[command] ?? 'nothing', recorded[command] ?? 'nothing'];
    if (a === b) continue;
    let at = 0;
    while (a[at] === b[at]) at++;
    const piece = (text: string) => text.slice(Math.max(0, at - SHOWN), at + SHOWN);
    return { command, asked: piece(a), recorded: piece(b) };
  }
  return undefined;
}

function line(kind: string, name: string, values: unknown): string {
  return `${kind} ${name} ${JSON.stringify(values)}`;
}

/** The same lines, from the events that Temporal made of the commands. */
function linesOf({ events }: History): string[] {
  return events.flatMap((event) => {
    const activity = event.activityTaskScheduledEventAttributes;
    if (activity) return [line('activity', activity.activityType?.name ?? '', decode(activity.input))];
    const child = event.startChildWorkflowExecutionInitiatedEventAttributes;
    if (child) return [line('child', child.workflowType?.name ?? '', decode(child.input))];
    const timer = event.timerStartedEventAttributes?.startToFireTimeout;
    if (timer) return [line('timer', '', [Number(timer.seconds) * 1_000 + (timer.nanos ?? 0) / 1_000_000])];
    const next = event.workflowExecutionContinuedAsNewEventAttributes;
    if (next) return [line('continue', '', decode(next.input))];
    const completed = event.workflowExecutionCompletedEventAttributes;
    return completed ? [line('result', '', decode(completed.result))] : [];
  });
}

type Payloads = { payloads?: readonly Parameters<typeof defaultPayloadConverter.fromPayload>[0][] | null };

function decode(payloads: unknown): unknown[] {
  return ((payloads as Payloads | null)?.payloads ?? []).map((payload) =>
    defaultPayloadConverter.fromPayload(payload),
  );
}
