import type { SluiceClient } from '../../../client/index.js';
import { formatProblems } from '../../../definitions/index.js';
import { EXIT, exitCodeOf } from '../../terminal/exit-codes.js';
import { formatOfFile, readInputFile } from '../../terminal/input.js';
import { problemsOf, showProblems, warningsOf } from '../../terminal/problems.js';
import type { Terminal } from '../../terminal/terminal.js';

/**
 * `sluice publish FILE…`: publishes each file; a refused one does not stop the others.
 * @returns the exit code of the first failure, else 0
 */
export async function publishCommand(
  client: SluiceClient,
  terminal: Terminal,
  files: readonly string[],
): Promise<number> {
  let exitCode: number = EXIT.ok;
  for (const file of files) {
    try {
      const source = await readInputFile(file);
      const { pin, created, warnings } = await client.publishDefinition(source, {
        format: formatOfFile(file),
      });
      const warned = warningsOf(warnings ?? []);
      terminal.data({ file, ...pin, created, ...(warnings && { warnings }) });
      if (warned.length > 0) terminal.print(formatProblems(warned, file));
      terminal.print(
        `${pin.id} version ${pin.version}  ${created ? 'published' : 'already published'}  (${file})`,
      );
    } catch (thrown) {
      const problems = problemsOf(thrown);
      if (problems !== undefined) showProblems(terminal, file, problems);
      const code = problems === undefined ? exitCodeOf(terminal.error(thrown)) : EXIT.failed;
      if (exitCode === EXIT.ok) exitCode = code;
    }
  }
  return exitCode;
}

/** `sluice unpublish ID`. */
export async function unpublishCommand(
  client: SluiceClient,
  terminal: Terminal,
  id: string,
): Promise<number> {
  await client.unpublishDefinition(id);
  terminal.data({ id, unpublished: true });
  terminal.print(`${id} is no longer published; its runs continue`);
  return EXIT.ok;
}
