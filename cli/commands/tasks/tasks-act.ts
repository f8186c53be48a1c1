/** `sluice tasks create|claim|…|override|bulk`: asks people, and acts on tasks. */
import type { PeopleAction, SluiceClient, TaskInput, TaskToCreate } from '../../../client/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { isJsonObject, type Json } from '../../../contracts/json.js';
import { confirmText, TASK_TABLE } from '../../../contracts/tasks/act.js';
import { createAsker, type Asker } from '../../terminal/ask.js';
import { EXIT, exitCodeOf } from '../../terminal/exit-codes.js';
import { readJsonInput } from '../../terminal/input.js';
import type { Terminal } from '../../terminal/terminal.js';
import { askForm } from './form.js';
import { taskFilterOf, type TaskSelection } from './tasks-show.js';

/** What the options of an act give. */
export interface TaskActOptions {
  readonly reason?: string;
  readonly note?: string;
  readonly outcome?: string;
  /** JSON, or `@FILE`. */
  readonly answer?: string;
  readonly evidence?: string;
  readonly toAccount?: string;
  readonly toRole?: string;
  readonly confirm?: string;
  readonly as?: string;
  readonly asRole?: readonly string[];
  readonly requestId?: string;
}

/** Asks where a person can answer. */
export type AskerOf = () => Promise<Asker> | undefined;

/** A person can answer: both ends are a terminal, and no script reads the output. */
function askerOf(terminal: Terminal): AskerOf {
  return () =>
    !terminal.json && process.stdin.isTTY === true && process.stdout.isTTY === true
      ? createAsker()
      : undefined;
}

/** `sluice tasks create JSON`: asks people. */
export async function createTaskCommand(
  { tasks }: SluiceClient,
  terminal: Terminal,
  request: string,
  { as }: Pick<TaskActOptions, 'as'>,
): Promise<number> {
  const asked = await readJsonInput(request);
  if (!isJsonObject(asked)) throw new SluiceError('INPUT_INVALID', 'The request of a task must be an object');
  const item = await tasks.create(asked as unknown as TaskToCreate, { actor: as });
  terminal.data({ item });
  terminal.print(item);
  return EXIT.ok;
}

/** `sluice tasks claim|approve|… ITEM`: asks on a terminal for what is missing. */
export async function actOnTaskCommand(
  client: SluiceClient,
  terminal: Terminal,
  options: TaskActOptions & {
    readonly item: string;
    readonly action: PeopleAction;
    /** Default: the terminal's. */
    readonly asker?: AskerOf;
  },
): Promise<number> {
  const { item, action, asker = askerOf(terminal) } = options;
  const given = await inputOf(options);
  const input = await complete(client, { item, action }, given, asker);
  const { as: actor, asRole: roles, requestId } = options;
  const answer = await client.tasks.act(item, action, input, { actor, roles, requestId });
  terminal.data({ item, ...answer });
  terminal.print(`${item} is ${answer.status}`);
  return EXIT.ok;
}

/** `sluice tasks bulk ACTION`: a failure does not stop the others. @returns the code of the first, else 0 */
export async function bulkTasksCommand(
  { tasks }: SluiceClient,
  terminal: Terminal,
  action: Exclude<PeopleAction, 'override'>,
  options: TaskActOptions & TaskSelection & { readonly all?: boolean; readonly dryRun?: boolean },
): Promise<number> {
  const { as: actor, asRole: roles, requestId, all, dryRun } = options;
  const filter = taskFilterOf(options);
  let code: number = EXIT.ok;
  let count = 0;
  for await (const line of tasks.bulk(action, await inputOf(options), {
    ...{ filter, all, dryRun, actor, roles, requestId },
  })) {
    const { item, outcome, status, error } = line;
    terminal.data({ ...line });
    terminal.print(
      `${outcome}  ${item}  ${error === undefined ? status : `${error.code}: ${error.message}`}`,
    );
    if (error !== undefined && code === EXIT.ok) {
      code = exitCodeOf(new SluiceError(error.code, error.message));
    }
    count++;
  }
  if (count === 0) terminal.note('No tasks.');
  return code;
}

async function inputOf(options: TaskActOptions): Promise<TaskInput> {
  const { reason, note, outcome, answer, evidence, toAccount, toRole, confirm } = options;
  const proof = evidence === undefined ? undefined : await readJsonInput(evidence);
  return {
    ...{ reason, note, outcome, confirm },
    ...(answer !== undefined && { answer: await readJsonInput(answer) }),
    ...(proof !== undefined && { evidence: Array.isArray(proof) ? (proof as Json[]) : [proof] }),
    ...((toAccount ?? toRole) !== undefined && { assignee: { account: toAccount, role: toRole } }),
  };
}

/** The input with what a person has answered. */
async function complete(
  { tasks }: SluiceClient,
  { item, action }: { readonly item: string; readonly action: PeopleAction },
  given: TaskInput,
  askerOfTerminal: AskerOf,
): Promise<TaskInput> {
  const { inputs, to } = TASK_TABLE[action];
  const asker = await askerOfTerminal();
  if (asker === undefined) return given;
  const input: TaskInput = { ...given };
  const filled = (text: string): string | undefined => (text.trim() === '' ? 'is required' : undefined);
  if (to === 'decided') {
    const { form: shared, outcomes, outcomeForms } = await tasks.get(item);
    if (inputs.includes('outcome')) input.outcome ??= await asker.choose('Outcome', outcomes);
    const form = outcomeForms[input.outcome ?? action] ?? shared;
    if (form !== null && input.answer === undefined) input.answer = await askForm(asker, form);
  }
  if (inputs.includes('reason')) input.reason ??= await asker.text('Reason', filled);
  if (inputs.includes('note')) input.note ??= await asker.text('Note', filled);
  if (inputs.includes('assignee') && input.assignee === undefined) {
    const account = await asker.text('Account (empty: a role)', () => undefined);
    input.assignee = account === '' ? { role: await asker.text('Role', filled) } : { account };
  }
  if (inputs.includes('confirm')) {
    const wanted = confirmText(item);
    const isIt = (text: string): string | undefined => (text === wanted ? undefined : `must be ${wanted}`);
    input.confirm ??= await asker.text(`To confirm, type ${wanted}`, isIt);
  }
  return input;
}
