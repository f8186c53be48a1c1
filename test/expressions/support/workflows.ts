/** Workflows for the tests of expressions: they evaluate inside the sandbox. */
import { proxyActivities, sleep } from '@temporalio/workflow';
import type { Json, JsonObject } from '../../../contracts/json.js';
import { evaluate } from '../../../expressions/index.js';
import type { ParityCase, ParityOutcome } from './parity-case.js';
import { parityOutcome } from './parity-case.js';

/** Evaluates a table in the workflow. */
export async function parityTable(cases: readonly ParityCase[]): Promise<ParityOutcome[]> {
  return cases.map(parityOutcome);
}

const activities = proxyActivities<Record<string, () => Promise<void>>>({ startToCloseTimeout: '10 s' });

/** An activity whose type is the value, because a replay compares types, not inputs. */
async function note(value: Json): Promise<void> {
  await activities[JSON.stringify(value)]?.();
}

/** Expressions whose results decide the order, number and input of commands. */
export const REPLAYED = {
  groups: 'lines{sku: $sum(qty)}',
  order: '$sort($keys(groups), function($a, $b) { $lookup($$.groups, $a) < $lookup($$.groups, $b) })',
  ranked: 'lines^(>price, sku).{"sku": sku, "cost": $round(qty * price, 2)}',
  due: 'dateAdd(nowIso(), "PT0.05S")',
  wait: '$toMillis(due) - $toMillis(nowIso())',
  report:
    '{"at": nowIso(), "zone": dateAdd("2024-03-30T09:00:00Z", "P1D", "Europe/Paris"), "skus": $distinct(lines.sku), "big": lines[qty == 4].sku, "text": $join(ranked.sku, "+")}',
  again: 'len(ranked) > 2 and $contains(report.text, /(tea\\+?)+/)',
} as const;

/** Its expressions control it. Its history is committed, so a change of any result fails the replay. */
export async function deterministicRun(order: JsonObject): Promise<Json> {
  const scope: Record<string, Json> = { ...order };
  const set = (name: keyof typeof REPLAYED) => {
    scope[name] = evaluate(REPLAYED[name], { root: scope, bindings: {}, nowMs: Date.now() });
    return scope[name];
  };
  set('groups');
  for (const sku of set('order') as string[]) {
    await note({ sku, sum: (scope['groups'] as JsonObject)[sku] ?? null });
  }
  for (const line of set('ranked') as Json[]) await note(line);
  set('due');
  await sleep(set('wait'));
  await note(set('report'));
  if (set('again') === true) await note(scope['due'] ?? null);
  return scope;
}
