import type { EraseRequest, ErasureReport } from '../../../client/index.js';
import type { Json } from '../../../contracts/json.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';
import { agreed } from '../../terminal/agreed.js';

export interface EraseOptions {
  readonly correlationKey?: string | undefined;
  /** Show what would be erased, and erase nothing. */
  readonly dryRun?: boolean | undefined;
  /** Erase without a question. */
  readonly yes?: boolean | undefined;
}

/**
 * `sluice erase`: removes the values of closed runs, or of all of a correlation key.
 *
 * Invariant: nothing is erased before it was shown and a person agreed, or `--yes` was given.
 * @param erase in this process, or through the API
 * @throws SluiceError what `erase` throws; USAGE_INVALID without a terminal to ask on
 */
export async function eraseCommand(
  terminal: Terminal,
  {
    runs,
    tenant,
    correlationKey,
    dryRun,
    yes,
  }: EraseOptions & {
    readonly runs: readonly string[];
    readonly tenant: string;
  },
  erase: (request: EraseRequest & { readonly tenant: string }) => Promise<ErasureReport>,
): Promise<number> {
  const target = {
    tenant,
    ...(correlationKey !== undefined && { correlationKey }),
    ...(runs.length > 0 && { runIds: runs }),
  };
  if (dryRun === true || yes !== true) {
    const plan = await erase({ ...target, dryRun: true });
    if (dryRun === true) {
      terminal.data(JSON.parse(JSON.stringify(plan)) as Json);
      show(terminal, plan);
      terminal.print('Nothing was erased.');
      return EXIT.ok;
    }
    show(terminal, plan);
    if (!(await agreed(terminal, `Erase ${countsOf(plan)} for good? [y/N] `))) {
      terminal.print('Nothing was erased.');
      return EXIT.failed;
    }
  }
  const report = await erase({ ...target, dryRun: false });
  terminal.data(JSON.parse(JSON.stringify(report)) as Json);
  terminal.print(`Erased ${countsOf(report)}.`);
  showRelated(terminal, report);
  return EXIT.ok;
}

function countsOf({ runs, tasks, events, executions, deadLetters, answers }: ErasureReport): string {
  return `${runs.length} runs and ${tasks.length} tasks (${executions} executions in Temporal), ${events.length} events, ${deadLetters} dead letters and ${answers} stored answers`;
}

function show(terminal: Terminal, plan: ErasureReport): void {
  for (const { runId, workflowId, status, before } of plan.runs) {
    const again = before === null ? '' : `  erased before, at ${before}`;
    terminal.print(`run    ${runId}  ${status}  ${workflowId}${again}`);
  }
  for (const { item, status } of plan.tasks) terminal.print(`task   ${item}  ${status}`);
  for (const { source, id, name } of plan.events) terminal.print(`event  ${source}  ${id}  ${name}`);
  showRelated(terminal, plan);
}

function showRelated(terminal: Terminal, { related }: ErasureReport): void {
  for (const { runId, workflowId, why } of related.runs) {
    terminal.print(`stays  run ${runId}  ${workflowId}  ${why}`);
  }
  for (const { source, id, name } of related.events) {
    terminal.print(`stays  event ${source}  ${id}  ${name}  other runs had it too`);
  }
}
