/** `sluice runs list|show|steps|events|waits|invocations|evidence|inbound` and `sluice definitions …`. */
import type { RunControl, SluiceClient } from '../../../client/index.js';
import type { Json } from '../../../contracts/json.js';
import type { RunStatus } from '../../../contracts/run/run.js';
import { placeLabel } from '../../../contracts/run/place.js';
import { EXIT } from '../../terminal/exit-codes.js';
import { pausesText } from '../../terminal/pauses.js';
import { tableLines, type Column } from '../../terminal/table.js';
import type { Terminal } from '../../terminal/terminal.js';

export interface PageOptions {
  readonly limit?: number;
  readonly after?: string;
  readonly unredacted?: boolean;
}

/** The options that select runs. */
export interface RunSelection {
  readonly status?: RunStatus;
  readonly definition?: string;
  readonly state?: string;
  readonly key?: string;
  readonly parent?: string;
  readonly rerunOf?: string;
  readonly from?: string;
  readonly before?: string;
  /** The same as `from`, counted back from now. */
  readonly since?: string;
}

/** The options as a filter of the client. */
export function filterOf(selection: RunSelection): Parameters<RunControl['list']>[0] {
  const { status, definition, state, key, parent, rerunOf, before, since } = selection;
  const { from = since } = selection;
  return {
    status,
    definition,
    state,
    correlationKey: key,
    parentRunId: parent,
    rerunOf,
    startedFrom: from,
    startedBefore: before,
  };
}

type Views = {
  readonly [K in 'steps' | 'events' | 'waits' | 'invocations' | 'evidence' | 'inbound' | 'audit']: Awaited<
    ReturnType<RunControl[K]>
  >['items'][number];
};
type Run = Awaited<ReturnType<RunControl['list']>>['items'][number];

interface Placed {
  readonly path: string;
  readonly iteration: readonly number[];
  readonly attempt: number;
}
const placeOf = ({ path, iteration, attempt }: Placed): string =>
  `${placeLabel(path, iteration)}${attempt > 1 ? ` attempt ${attempt}` : ''}`;

const COLUMNS: { readonly [K in keyof Views]: readonly Column<Views[K]>[] } = {
  steps: [
    ['STEP', placeOf],
    ['ID', ({ id }) => id],
    ['KIND', ({ action, kind }) => action ?? kind],
    ['STATUS', ({ status, continued }) => (continued ? `${status}, continued` : status)],
    ['STARTED', ({ startedAt }) => startedAt],
    ['ENDED', ({ endedAt }) => endedAt],
    ['ERROR', ({ error }) => error && `${error.code}: ${error.message}`],
  ],
  events: [
    ['SEQ', ({ seq, superseded }) => `${seq}${superseded ? ' superseded' : ''}`],
    ['AT', ({ at }) => new Date(at).toISOString()],
    ['TYPE', ({ type }) => type],
    [
      'STEP',
      ({ stepPath, iteration = [], attempt = 1 }) =>
        stepPath === undefined ? null : placeOf({ path: stepPath, iteration, attempt }),
    ],
    ['DATA', ({ data }) => short(data as Json)],
  ],
  waits: [
    ['STEP', placeOf],
    ['KIND', ({ kind }) => kind],
    [
      'FOR',
      ({ eventNames, child }) => child?.workflowId ?? (eventNames.length > 0 ? eventNames.join(', ') : null),
    ],
    ['KEY', ({ correlationKey }) => correlationKey],
    ['STATUS', ({ status }) => status],
    ['OPENED', ({ openedAt }) => openedAt],
    ['DEADLINE', ({ deadline }) => deadline],
  ],
  invocations: [
    ['KEY', ({ idempotencyKey }) => idempotencyKey],
    ['ACTION', ({ action, actionVersion }) => `${action} ${actionVersion}`],
    ['STATUS', ({ status }) => status],
    ['BEGUN', ({ attempts }) => attempts],
    ['STARTED', ({ startedAt }) => startedAt],
    ['ERROR', ({ error }) => error?.code],
  ],
  evidence: [
    ['STEP', placeOf],
    ['KIND', ({ kind }) => kind],
    ['DECISION', ({ decision }) => decision],
    ['ACTOR', ({ actor }) => actor],
    ['AT', ({ at }) => at],
  ],
  inbound: [
    ['RECEIVED', ({ receivedAt }) => receivedAt],
    ['NAME', ({ name }) => name],
    ['KEY', ({ correlationKey }) => correlationKey],
    ['OUTCOME', ({ outcome }) => outcome],
    ['SOURCE', ({ source }) => source],
    ['ID', ({ id }) => id],
  ],
  audit: [
    ['AT', ({ at }) => at],
    ['WHO', ({ kind, issuer, subject }) => `${subject} (${issuer ?? kind})`],
    ['ACT', ({ act }) => act],
    ['OUTCOME', ({ outcome, code }) => (code === null ? outcome : `${outcome} ${code}`)],
    ['ON', ({ on }) => on.join(' ')],
    ['REQUEST', ({ requestId }) => requestId],
  ],
};

const RUN_COLUMNS: readonly Column<Run>[] = [
  ['RUN', ({ runId }) => runId],
  ['STATUS', ({ status, paused }) => (paused?.length ? `${status}, paused` : status)],
  ['DEFINITION', ({ definition, version }) => `${definition} ${version}`],
  ['STATE', ({ state }) => state],
  ['STARTED', ({ startedAt }) => startedAt],
  ['ENDED', ({ endedAt }) => endedAt],
  ['WORKFLOW', ({ workflowId }) => workflowId],
  ['ERROR', ({ errorCode }) => errorCode],
];

/** Characters of the data of an event that a table shows. */
const DATA_CHARACTERS = 100;
/** Characters of a hash that a table shows. */
const HASH_CHARACTERS = 12;

function short(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > DATA_CHARACTERS ? `${text.slice(0, DATA_CHARACTERS)}…` : text;
}

const pageOf = ({ limit, after }: PageOptions) => ({ limit, after });

/** `sluice runs list`. */
export async function listRunsCommand(
  { runs }: SluiceClient,
  terminal: Terminal,
  { limit, after, unredacted, ...selection }: RunSelection & PageOptions,
): Promise<number> {
  const page = await runs.list(filterOf(selection), { limit, after }, { unredacted });
  return showPage(terminal, RUN_COLUMNS, page, 'No runs.');
}

/** `sluice runs find TEXT`. */
export async function findRunsCommand(
  { runs }: SluiceClient,
  terminal: Terminal,
  text: string,
  {
    most,
    unredacted,
    ...selection
  }: RunSelection & { readonly most?: number; readonly unredacted?: boolean },
): Promise<number> {
  const { status, definition, startedFrom, startedBefore } = filterOf(selection) ?? {};
  const search = { status, definition, startedFrom, startedBefore, most };
  const findings = await runs.find(text, search, { unredacted });
  terminal.data(JSON.parse(JSON.stringify(findings)) as Json);
  if (terminal.json) return EXIT.ok;
  for (const { run, by, value } of findings.found) {
    const error = run.errorCode === null ? '' : `  ${run.errorCode}`;
    terminal.print(
      `${run.runId}  ${run.status}  ${run.definition} ${run.version}  ${run.startedAt}  ${by} ${JSON.stringify(value)}${error}`,
    );
  }
  const among = `among the newest ${findings.searched} runs`;
  if (findings.found.length === 0) {
    terminal.note(`Nothing is or looks like ${JSON.stringify(text)} ${among}.`);
  }
  if (findings.cut) terminal.note(`The search was cut: it looked ${among}. --most and --since change that.`);
  return EXIT.ok;
}

/** `sluice runs show ID`. */
export async function showRunCommand(
  { runs }: SluiceClient,
  terminal: Terminal,
  runId: string,
  { unredacted }: PageOptions,
): Promise<number> {
  const run = await runs.get(runId, { unredacted });
  terminal.data(JSON.parse(JSON.stringify(run)) as Json);
  const { payload, result, trigger, error, paused, ...rest } = run;
  if (run.erasedAt !== null) {
    terminal.print(`ERASED at ${run.erasedAt}: its values were removed from Temporal and the database.`);
  }
  for (const [name, value] of Object.entries(rest)) {
    const shown = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '-');
    terminal.print(`${name.padEnd(18)} ${shown === '[]' ? '-' : shown}`);
  }
  terminal.print(`${'paused'.padEnd(18)} ${pausesText(paused)}`);
  for (const [name, value] of Object.entries({ payload, trigger, result, error })) {
    if (value !== null) terminal.print(`${name}\n${indented(value)}`);
  }
  return EXIT.ok;
}

/** `sluice runs explain ID`. */
export async function explainRunCommand(
  { runs }: SluiceClient,
  terminal: Terminal,
  runId: string,
  { unredacted }: PageOptions,
): Promise<number> {
  const explained = await runs.explain(runId, { unredacted });
  terminal.data(JSON.parse(JSON.stringify(explained)) as Json);
  terminal.print(explained.text);
  for (const line of explained.help) terminal.print(`→ ${line}`);
  return EXIT.ok;
}

function indented(value: unknown): string {
  return JSON.stringify(value, null, 2)
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}

/** `sluice runs steps|events|… ID`: one page of the steps, events, … of a run. */
export async function showPartOfRunCommand<K extends keyof Views>(
  { runs }: SluiceClient,
  terminal: Terminal,
  part: K,
  { runId, superseded, ...options }: PageOptions & { readonly runId: string; readonly superseded?: boolean },
): Promise<number> {
  const page = await runs[part](
    runId,
    { ...pageOf(options), ...(part === 'events' && { superseded }) },
    { unredacted: options.unredacted },
  );
  // COLUMNS has the columns for the items of each part; TypeScript cannot relate the two by name.
  return showPage(terminal, COLUMNS[part] as readonly Column<unknown>[], page, `No ${part}.`);
}

/** `sluice audit list`. */
export async function listAuditCommand(
  { runs }: SluiceClient,
  terminal: Terminal,
  { on, ...options }: PageOptions & { readonly on?: string },
): Promise<number> {
  return showPage(terminal, COLUMNS.audit, await runs.listAudit({ on }, pageOf(options)), 'No acts.');
}

function showPage<T>(
  terminal: Terminal,
  columns: readonly Column<T>[],
  page: Pick<Awaited<ReturnType<RunControl['list']>>, 'next' | 'unreadable'> & {
    readonly items: readonly T[];
  },
  nothing: string,
): number {
  terminal.data(JSON.parse(JSON.stringify(page)) as Json);
  for (const line of tableLines(columns, page.items)) terminal.print(line);
  if (!terminal.json && page.items.length === 0) terminal.note(nothing);
  if (!terminal.json) {
    for (const { id, reason } of page.unreadable ?? []) terminal.note(`Cannot be read: ${id}: ${reason}`);
  }
  if (!terminal.json && page.next !== null) terminal.note(`More: --after ${page.next}`);
  return EXIT.ok;
}

type Definition = Awaited<ReturnType<SluiceClient['definitions']['list']>>['items'][number];

const DEFINITION_COLUMNS: readonly Column<Definition>[] = [
  ['DEFINITION', ({ id }) => id],
  ['VERSION', ({ version }) => version],
  ['VERSIONS', ({ versions }) => versions],
  ['PUBLISHED', ({ published, publishedAt }) => (published ? publishedAt : 'unpublished')],
  ['BY', ({ publishedBy }) => publishedBy],
  ['SHA-256', ({ hash }) => hash.slice(0, HASH_CHARACTERS)],
];

/** `sluice definitions list`. */
export async function listDefinitionsCommand(
  { definitions }: SluiceClient,
  terminal: Terminal,
  options: PageOptions,
): Promise<number> {
  return showPage(terminal, DEFINITION_COLUMNS, await definitions.list(pageOf(options)), 'No definitions.');
}

/** `sluice definitions show ID`: the source with its hash and versions. */
export async function showDefinitionCommand(
  { definitions }: SluiceClient,
  terminal: Terminal,
  id: string,
  { version }: { readonly version?: number },
): Promise<number> {
  const found = await definitions.get(id, version);
  terminal.data(JSON.parse(JSON.stringify(found)) as Json);
  const { source, versions, latest, hash, publishedAt, publishedBy, acts } = found;
  if (terminal.json) return EXIT.ok;
  terminal.note(
    `${id} version ${found.version}, published ${publishedAt} by ${publishedBy}, sha-256 ${hash}`,
  );
  terminal.note(
    `versions: ${versions.map((entry) => entry.version).join(', ')}; ${latest === null ? 'unpublished' : `a start uses ${latest}`}`,
  );
  for (const { act, version: to, was, by, at } of acts) {
    terminal.note(`${at}  ${by}: ${act} (${was ?? 'none'} → ${to ?? 'none'})`);
  }
  terminal.print(source.trimEnd());
  return EXIT.ok;
}
