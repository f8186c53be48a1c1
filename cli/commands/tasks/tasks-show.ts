/** `sluice tasks list|count|show|log`. */
import type { SluiceClient } from '../../../client/index.js';
import type { Json } from '../../../contracts/json.js';
import type { TaskEntry, TaskFilter, TaskSummary } from '../../../contracts/tasks/record.js';
import { EXIT } from '../../terminal/exit-codes.js';
import { tableLines, type Column } from '../../terminal/table.js';
import type { Terminal } from '../../terminal/terminal.js';

export interface TaskPageOptions {
  readonly limit?: number;
  readonly after?: string;
  readonly unredacted?: boolean;
}

/** The options that select tasks. */
export interface TaskSelection {
  readonly status?: TaskFilter['status'];
  readonly kind?: TaskFilter['kind'];
  readonly priority?: TaskFilter['priority'];
  readonly account?: string;
  readonly role?: string;
  readonly requestedBy?: string;
  readonly claimedBy?: string;
  readonly run?: string;
  readonly late?: boolean;
  readonly closed?: boolean;
}

/** The options as a filter of the client. */
export function taskFilterOf(selection: TaskSelection): TaskFilter {
  const { status, kind, priority, account, role, requestedBy, claimedBy, run, late, closed } = selection;
  return {
    ...{ status, kind, priority, account, role, requestedBy, claimedBy, runId: run },
    ...(late === true && { onlyLate: true }),
    ...(closed === true && { onlyOpen: false }),
  };
}

const whom = (account: string | null | undefined, role: string | null | undefined): string =>
  [account, role && `role ${role}`].filter(Boolean).join(', ') || 'anyone';

const INBOX: readonly Column<TaskSummary>[] = [
  ['ITEM', ({ item }) => item],
  ['STATUS', ({ status, late }) => (late ? `${status}, late` : status)],
  ['PRIORITY', ({ priority }) => priority],
  ['FOR', ({ account, role }) => whom(account, role)],
  ['CLAIMED', ({ claimedBy }) => claimedBy],
  ['DUE', ({ dueAt }) => dueAt],
  ['TITLE', ({ title }) => title],
];
const LOG: readonly Column<TaskEntry>[] = [
  ['SEQ', ({ seq }) => seq],
  ['AT', ({ at }) => new Date(at).toISOString()],
  ['ACTION', ({ action }) => action],
  ['ACTOR', ({ actor, proven }) => (proven ? actor : `${actor ?? ''} (not proven)`)],
  ['STATUS', ({ status }) => status],
  ['REFUSED', ({ refused }) => refused && `${refused.code}: ${refused.message}`],
  ['GIVEN', ({ given }) => (given === null ? null : JSON.stringify(given))],
];

/** `sluice tasks list`: the inbox. */
export async function listTasksCommand(
  { tasks }: SluiceClient,
  terminal: Terminal,
  { limit, after, ...selection }: TaskSelection & TaskPageOptions,
): Promise<number> {
  const page = await tasks.list(taskFilterOf(selection), { limit, after });
  return showPage(terminal, INBOX, page);
}

/** `sluice tasks count`. */
export async function countTasksCommand({ tasks }: SluiceClient, terminal: Terminal): Promise<number> {
  const { total, open, late, byStatus } = await tasks.count();
  terminal.data({ total, open, late, byStatus });
  terminal.print(`${total} tasks: ${open} open, ${late} of them late`);
  for (const [status, n] of Object.entries(byStatus)) if (n > 0) terminal.print(`  ${status}: ${n}`);
  return EXIT.ok;
}

/** `sluice tasks show ITEM`. */
export async function showTaskCommand(
  { tasks }: SluiceClient,
  terminal: Terminal,
  item: string,
  { unredacted = false }: TaskPageOptions,
): Promise<number> {
  const task = await tasks.get(item, { unredacted });
  terminal.data(JSON.parse(JSON.stringify(task)) as Json);
  terminal.print(JSON.stringify(task, null, 2));
  return EXIT.ok;
}

/** `sluice tasks log ITEM`. */
export async function taskLogCommand(
  { tasks }: SluiceClient,
  terminal: Terminal,
  item: string,
  { limit, after, unredacted = false }: TaskPageOptions,
): Promise<number> {
  return showPage(terminal, LOG, await tasks.log(item, { limit, after }, { unredacted }));
}

function showPage<T extends object>(
  terminal: Terminal,
  columns: readonly Column<T>[],
  { items, next }: { readonly items: readonly T[]; readonly next: string | null },
): number {
  for (const item of items) terminal.data(JSON.parse(JSON.stringify(item)) as Json);
  for (const line of tableLines(columns, items)) terminal.print(line);
  if (items.length === 0) terminal.note('No tasks.');
  if (next !== null) terminal.note(`More: --after '${next}'`);
  return EXIT.ok;
}
