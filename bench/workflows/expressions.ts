/** Evaluates expressions in the sandbox, many times in each workflow task. */
import jsonata from 'jsonata';
import { proxyActivities } from '@temporalio/workflow';
import type { JsonObject } from '../../contracts/json.js';
import { evaluate } from '../../expressions/index.js';

/** One workflow task: evaluations of one expression by one engine; none measures the task itself. */
export interface Round {
  readonly engine: 'sluice' | 'jsonata';
  readonly source: string;
  readonly times: number;
}

// An activity begins a new workflow task in milliseconds; the server's shortest timer takes a second.
const { nextTask } = proxyActivities<{ nextTask(): Promise<void> }>({ startToCloseTimeout: '10 s' });

/** Runs each round in a separate workflow task. */
export async function measureExpressions(rounds: readonly Round[], root: JsonObject): Promise<number> {
  const compiled = new Map(rounds.map(({ source }) => [source, jsonata(source)]));
  const bindings = { payload: root['payload'] ?? null, vars: root['vars'] ?? null };
  let results = 0;
  for (const { engine, source, times } of rounds) {
    await nextTask();
    for (let i = 0; i < times; i++) {
      const result: unknown =
        engine === 'sluice'
          ? evaluate(source, { root, bindings, nowMs: 0 })
          : await compiled.get(source)?.evaluate(root, bindings);
      if (result !== undefined) results++;
    }
  }
  return results;
}
