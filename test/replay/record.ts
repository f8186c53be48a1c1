/**
 * Records the histories of the scenarios on a new Temporal dev server (`npm run record-histories`).
 *
 * Invariant: the folder then holds the histories of one recording, those that older code recorded (`before`),
 * and nothing else. They do not reveal the machine that recorded them.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import proto from '@temporalio/proto';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { builtInActions, createActionRegistry } from '../../actions/index.js';
import { createSluiceClient, type SluiceClient } from '../../client/index.js';
import { toSluiceError } from '../../contracts/errors.js';
import { readDefinition } from '../../definitions/index.js';
import exampleActions from '../../examples/actions/index.js';
import { openProjections, type Projections } from '../../projections/index.js';
import { createSluiceWorker } from '../../worker/processes/create-worker.js';
import { startTemporalDevServer } from '../../worker/temporal-server/dev-server.js';
import { readDefinitionFile, SCENARIOS, type Scenario } from './scenarios.js';

const { History } = proto.temporal.api.history.v1;
const FOLDER = fileURLToPath(new URL('histories/', import.meta.url));
/** History events after which the runs of a scenario that `continues` continue as new. */
const EARLY = 60;

/**
 * Records every scenario that today's code can record.
 * @param print called with a line about each file
 * @param names records only these scenarios, those with `before` too
 * @throws Error where a run does not end as its scenario says
 */
export async function recordHistories(
  print: (line: string) => void,
  names: readonly string[] = [],
): Promise<void> {
  const chosen = SCENARIOS.filter(({ name, before }) =>
    names.length === 0 ? before === undefined : names.includes(name),
  );
  Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('ERROR') });
  const server = await startTemporalDevServer({ env: process.env, log: print, headless: true });
  const connection = await NativeConnection.connect({ address: server.address });
  const projections = await openProjections({ url: 'mem://' });
  try {
    await mkdir(FOLDER, { recursive: true });
    for (const file of await readdir(FOLDER)) {
      if (chosen.some(({ name }) => file.startsWith(`${name}.`))) await rm(`${FOLDER}${file}`);
    }
    for (const continues of [false, true]) {
      const scenarios = chosen.filter((scenario) => (scenario.continues ?? false) === continues);
      await withWorker({ server, connection, projections }, continues, async (client) => {
        for (const scenario of scenarios) {
          await store(projections, scenario);
          await record(client, scenario, print);
        }
      });
    }
    print(`${(await readdir(FOLDER)).length} histories`);
  } finally {
    await projections.close();
    await connection.close();
    await server.stop();
  }
}

interface Services {
  readonly server: { readonly address: string; readonly namespace: string };
  readonly connection: NativeConnection;
  readonly projections: Projections;
}

/** @param continues true: runs of the worker continue as new early */
async function withWorker(
  { server: { address, namespace }, connection, projections }: Services,
  continues: boolean,
  work: (client: SluiceClient) => Promise<void>,
): Promise<void> {
  const taskQueue = continues ? 'replay-early' : 'replay';
  const worker = await createSluiceWorker({
    connection,
    namespace,
    taskQueue,
    projections,
    registry: createActionRegistry([...builtInActions({ http: { allowHosts: [] } }), ...exampleActions]),
    secrets: { read: () => Promise.resolve('not-a-real-key') },
    system: { environment: 'test', region: 'here', release: '0' },
    tuning: { identity: 'recorder', shutdownGraceMs: 0, ...(continues && { historyEvents: EARLY }) },
  });
  const client = await createSluiceClient({ address, namespace, taskQueue, actor: 'recorder' });
  try {
    await worker.runUntil(work(client));
  } finally {
    await client.close();
  }
}

async function store(projections: Projections, { stored = [] }: Scenario): Promise<void> {
  for (const file of stored) {
    const source = await readDefinitionFile(file);
    const { definition, hash } = readDefinition(source, 'yaml');
    const pin = { id: definition.id, version: definition.version, hash };
    await projections.putDefinition('default', { pin, source, format: 'yaml', publishedBy: 'recorder' });
  }
}

async function record(
  client: SluiceClient,
  scenario: Scenario,
  print: (line: string) => void,
): Promise<void> {
  const { name, workflow, failsWith } = scenario;
  for (const file of scenario.definitions) await client.publishDefinition(await readDefinitionFile(file));
  const workflowId = `${workflow}/${name}`;
  const run =
    scenario.start === undefined
      ? await client.start(workflow, scenario.payload, { workflowId })
      : await scenario.start(client, workflowId);
  await scenario.drive?.(client, run);
  const code = await client.result(run.workflowId, run.runId).then(
    () => undefined,
    (error: unknown) => toSluiceError(error).code,
  );
  if (code !== failsWith) throw new Error(`${name} ended with ${code ?? 'success'}`);
  const executions = await chain(client, run.workflowId, run.runId);
  if (scenario.continues === true && executions.length < 2) {
    throw new Error(`${name} did not continue as new`);
  }
  for (const [index, { history, children }] of executions.entries()) {
    await write(`${name}.${index + 1}`, history, print);
    for (const [n, child] of children.slice(0, 2).entries()) {
      for (const [part, { history: ofChild }] of (
        await chain(client, child.workflowId, child.runId)
      ).entries()) {
        await write(`${name}.child-${n + 1}.${part + 1}`, ofChild, print);
      }
    }
  }
}

type RawHistory = Awaited<
  ReturnType<ReturnType<SluiceClient['temporal']['workflow']['getHandle']>['fetchHistory']>
>;

interface Execution {
  readonly history: RawHistory;
  readonly children: readonly { readonly workflowId: string; readonly runId: string }[];
}

/** The executions of a run, over continue-as-new. */
async function chain(client: SluiceClient, workflowId: string, first: string): Promise<Execution[]> {
  const found: Execution[] = [];
  for (let runId: string | undefined = first; runId !== undefined;) {
    const history: RawHistory = await client.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    const events = history.events ?? [];
    found.push({
      history,
      children: events.flatMap(({ childWorkflowExecutionStartedEventAttributes: started }) => {
        const child = started?.workflowExecution;
        return child?.workflowId && child.runId ? [{ workflowId: child.workflowId, runId: child.runId }] : [];
      }),
    });
    runId = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
  return found;
}

async function write(name: string, history: RawHistory, print: (line: string) => void): Promise<void> {
  // Not historyToJSON: it uses another copy of protobufjs than the messages.
  const plain: unknown = History.toObject(History.fromObject(history), {
    enums: String,
    bytes: String,
    longs: String,
  });
  const text = `${JSON.stringify(anonymous(plain), null, 1)}\n`;
  for (const trace of [hostname(), process.cwd()]) {
    if (text.includes(trace)) throw new Error(`${name} says "${trace}", which tells of this machine`);
  }
  await writeFile(`${FOLDER}${name}.json`, text);
  print(`${name}: ${history.events?.length ?? 0} events, ${Math.ceil(text.length / 1024)} KiB`);
}

/** A history without the names of processes, machines and folders, which replay ignores. */
function anonymous(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(`${process.cwd()}/`, '');
  if (Array.isArray(value)) return value.map(anonymous);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, key === 'identity' ? 'recorder' : anonymous(inner)]),
  );
}
