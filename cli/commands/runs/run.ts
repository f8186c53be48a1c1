import { ProgressPrinter, type SluiceClient, type StartedRun } from '../../../client/index.js';
import type { StartOptions } from '../../../client/index.js';
import type { Json } from '../../../contracts/json.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';

export interface RunOptions {
  /** The payload as given: JSON, or `@FILE`. */
  readonly input: string;
  readonly version?: number;
  readonly workflowId?: string;
  readonly detach?: boolean;
}

/**
 * `sluice run ID`: starts a run, shows its progress, then its result.
 * @returns the exit code
 * @throws SluiceError the error of the run if it did not succeed
 */
export async function runDefinitionCommand(
  client: SluiceClient,
  terminal: Terminal,
  definitionId: string,
  { payload, version, workflowId, detach }: RunOptions & { readonly payload: Json },
): Promise<number> {
  const start: StartOptions = {
    ...(version === undefined ? {} : { version }),
    ...(workflowId === undefined ? {} : { workflowId }),
  };
  const run = await client.start(definitionId, payload, start);
  terminal.data({ type: 'started', ...run });
  if (detach === true) {
    terminal.print(run.workflowId);
    return EXIT.ok;
  }
  terminal.note(`${run.workflowId}  (run ${run.runId})`);
  if (!(await follow(client, terminal, run))) {
    terminal.note(`Stopped following; the run continues. Its id: ${run.workflowId}`);
    return EXIT.interrupted;
  }
  const result = await client.result(run.workflowId);
  terminal.data({ type: 'result', result });
  terminal.print(JSON.stringify(result, null, 2));
  return EXIT.ok;
}

/** Prints the progress of a run until it ends. @returns false if the user interrupted it */
async function follow(client: SluiceClient, terminal: Terminal, run: StartedRun): Promise<boolean> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  const printer = new ProgressPrinter({ write: (line) => terminal.printStyled(line), color: terminal.color });
  process.once('SIGINT', interrupt);
  try {
    for await (const line of client.follow(run.workflowId, { signal: interrupted.signal })) {
      printer.add(line);
      terminal.data({ type: 'progress', line });
    }
  } finally {
    process.removeListener('SIGINT', interrupt);
    printer.end();
  }
  return !interrupted.signal.aborted;
}
