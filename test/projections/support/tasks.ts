/** Tasks that are written as their workflows write them: the state machine decides, the writer writes. */
import type { z } from 'zod';
import type { Actor } from '../../../contracts/tasks/act.js';
import { TaskAct } from '../../../contracts/tasks/act.js';
import type { TaskChange } from '../../../contracts/tasks/change.js';
import { beginTask, decide } from '../../../contracts/tasks/decide.js';
import { passTime } from '../../../contracts/tasks/time.js';
import type { TaskEntry } from '../../../contracts/tasks/record.js';
import { TaskRequest, type TaskState } from '../../../contracts/tasks/task.js';
import type { Projections } from '../../../projections/index.js';

/** A task of a tenant, and what becomes of it. */
export interface WrittenTask {
  readonly item: string;
  readonly state: () => TaskState;
  /** @throws Error where the state machine refuses it */
  act(action: TaskAct['action'], more?: Partial<Actor> & { readonly at?: number }): Promise<void>;
  /** Lets the time come to an instant. */
  pass(at: number): Promise<void>;
}

type Asked = Partial<z.input<typeof TaskRequest>> & { readonly item: string };

export async function writeTask(
  { tasks }: Projections,
  { at = Date.now(), execution, ...asked }: Asked & { readonly at?: number; readonly execution?: string },
): Promise<WrittenTask> {
  const request = TaskRequest.parse({ tenant: 'acme', title: asked.item, requestedBy: 'rita', ...asked });
  const { item } = request;
  let seq = 0;
  let state: TaskState;
  const write = async (change: TaskChange, time: number, act?: TaskAct): Promise<void> => {
    state = change.state;
    const { status, round, level } = state;
    const entry: TaskEntry = {
      ...{ seq: ++seq, at: time, action: change.action, actor: act?.actor ?? null, roles: [], proven: true },
      ...{
        requestId: act?.requestId ?? null,
        given: act === undefined ? null : { reason: act.reason ?? '' },
      },
      ...{ status, round, level, refused: null },
    };
    const notices = change.notices.map((notice) => ({ ...notice, at: time }));
    await tasks.record(execution ?? `execution-of-${item}`, { state, entries: [entry], notices });
  };
  const begun = beginTask(request, at);
  state = begun.state;
  await write(begun, at);
  return {
    item,
    state: () => state,
    async act(action, { at: time = at, account = 'anna', roles = [], proven = true } = {}) {
      const act = TaskAct.parse({ requestId: `r-${seq}`, action, actor: account, reason: 'so', note: 'so' });
      const outcome = decide(state, act, { account, roles, proven }, time);
      if ('refused' in outcome) throw new Error(`${outcome.code}: ${outcome.message}`);
      await write(outcome, time, act);
    },
    async pass(time) {
      for (let change = passTime(state, time); change; change = passTime(state, time)) {
        await write(change, time);
      }
    },
  };
}
