/** `sluice events`: asks the bridge, because it has the database open. */
import { z } from 'zod';
import { callBridge, type SluiceClient } from '../../../client/index.js';
import { ApiPause } from '../../../contracts/http/api.js';
import type { Json } from '../../../contracts/json.js';
import { EXIT } from '../../terminal/exit-codes.js';
import { pausesText } from '../../terminal/pauses.js';
import type { Terminal } from '../../terminal/terminal.js';

/** Address and token of the bridge. */
export interface BridgePlace {
  readonly url: string;
  readonly token: string | undefined;
}

const Wait = z.object({
  place: z.string(),
  status: z.string().nullable(),
  failedFilters: z.array(z.string()),
});
const Explained = z.object({
  name: z.string(),
  receivedAt: z.string(),
  via: z.string(),
  sender: z.string().nullable().default(null),
  correlationKey: z.string().nullable(),
  resolvedBy: z.string(),
  tried: z.array(z.string()),
  outcome: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  runs: z.array(
    z.object({
      runId: z.string(),
      workflowId: z.string(),
      foundBy: z.string(),
      status: z.string(),
      error: z.string().nullable(),
      paused: z.array(ApiPause).nullable().default(null),
      waits: z.array(Wait),
      answers: z.array(z.string()),
    }),
  ),
  conflicts: z.object({
    count: z.number(),
    last: z.array(z.object({ at: z.string(), via: z.string(), differs: z.array(z.string()) })),
  }),
  triggers: z.array(
    z.object({
      definition: z.string(),
      version: z.number(),
      status: z.string(),
      workflowId: z.string().nullable(),
      error: z.object({ code: z.string(), message: z.string() }).nullable(),
    }),
  ),
});

/**
 * `sluice events explain`: which rule gave the correlation key, which waits were candidates, and what each
 * workflow answered.
 */
export async function explainEventCommand(
  bridge: BridgePlace,
  terminal: Terminal,
  event: { readonly tenant: string; readonly source: string; readonly id: string },
): Promise<number> {
  const answer = await callBridge(bridge, `/events?${new URLSearchParams({ ...event }).toString()}`);
  terminal.data(answer);
  const found = Explained.parse(answer);
  terminal.print(
    `${found.name} ${event.id} from ${event.source}, received ${found.receivedAt} over ${found.via}`,
  );
  if (found.sender !== null) terminal.print(`sender: ${found.sender}`);
  terminal.print(`outcome: ${found.outcome ?? 'being routed'}`);
  if (found.error !== null) terminal.print(`  ${found.error.code}: ${found.error.message}`);
  terminal.print(
    found.correlationKey === null ? 'key: none' : `key: ${found.correlationKey}, from ${found.resolvedBy}`,
  );
  for (const place of found.tried) terminal.print(`  tried ${place}`);
  terminal.print(runsTitle(found.runs.length, found.correlationKey));
  for (const run of found.runs) {
    terminal.print(`  ${run.workflowId} (${run.runId}): ${run.status}, found by ${run.foundBy}`);
    if (run.error !== null) terminal.print(`    ${run.error}`);
    if (run.paused === null || run.paused.length > 0) terminal.print(`    paused: ${pausesText(run.paused)}`);
    for (const wait of run.waits) {
      terminal.print(`    wait ${wait.place}: ${wait.status ?? 'unknown'}`);
      for (const filter of wait.failedFilters) terminal.print(`      failed filter ${filter}`);
    }
    if (run.answers.length === 0) terminal.print('    no answer from the workflow yet');
    for (const line of run.answers) terminal.print(`    ${line}`);
  }
  if (found.triggers.length > 0) terminal.print('triggers:');
  for (const { definition, version, status, workflowId, error } of found.triggers) {
    const why = error === null ? '' : ` (${error.code}: ${error.message})`;
    terminal.print(`  ${definition} version ${version}: ${status} ${workflowId ?? ''}${why}`);
  }
  if (found.conflicts.count > 0) {
    terminal.print(`refused: ${found.conflicts.count} other events under the same source and id`);
  }
  for (const { at, via, differs } of found.conflicts.last) {
    terminal.print(`  ${at} over ${via}: another ${differs.join(', another ')}`);
  }
  return EXIT.ok;
}

function runsTitle(runs: number, key: string | null): string {
  if (runs > 0) return 'runs:';
  if (key === null) return 'runs: without a key no wait was looked for';
  return 'runs: no open wait matched the name and key';
}

const ListPage = z.object({
  items: z.array(
    z.object({
      source: z.string(),
      id: z.string(),
      name: z.string(),
      correlationKey: z.string().nullable(),
      outcome: z.string().nullable(),
      receivedAt: z.string(),
    }),
  ),
  next: z.string().nullable(),
});

/** `sluice events list`: the newest events. */
export async function listEventsCommand(
  bridge: BridgePlace,
  terminal: Terminal,
  options: {
    readonly tenant: string;
    readonly name?: string;
    readonly limit?: number;
    readonly after?: string;
  },
): Promise<number> {
  const query = new URLSearchParams(
    Object.entries(options).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]],
    ),
  );
  const answer = await callBridge(bridge, `/events?${query.toString()}`);
  terminal.data(answer);
  const { items, next } = ListPage.parse(answer);
  for (const { receivedAt, outcome, name, correlationKey, source, id } of items) {
    terminal.print(
      `${receivedAt}  ${(outcome ?? '…').padEnd(10)} ${name}  ${correlationKey ?? '-'}  ${source}  ${id}`,
    );
  }
  if (next !== null) terminal.note(`More: --after ${next}`);
  return EXIT.ok;
}

export interface PublishEventOptions {
  readonly payload: Json;
  readonly key?: string;
  readonly id?: string;
  readonly source?: string;
}

/** `sluice events publish`: sends an event to the bridge. */
export async function publishEventCommand(
  client: SluiceClient,
  terminal: Terminal,
  eventName: string,
  { payload, key, id, source }: PublishEventOptions,
): Promise<number> {
  const { eventId } = await client.publishEvent({
    eventName,
    payload,
    ...(key !== undefined && { correlationKey: key }),
    ...(id !== undefined && { eventId: id }),
    ...(source !== undefined && { source }),
  });
  terminal.data({ eventId });
  terminal.print(eventId);
  return EXIT.ok;
}
