import {
  catalogueOf,
  formatProblems,
  problemsAsJson,
  readDefinitionInBounds,
} from '../../../definitions/index.js';
import { EXIT, exitCodeOf } from '../../terminal/exit-codes.js';
import { formatOfFile, readInputFile } from '../../terminal/input.js';
import { problemsOf, showProblems } from '../../terminal/problems.js';
import type { Terminal } from '../../terminal/terminal.js';

/**
 * `sluice validate FILE…`: checks documents against the format and the actions of sluice.config.ts, offline.
 * @param registry without it, the actions of the documents are not checked
 * @param strict true: warnings are errors
 * @returns 0 if every file is valid
 */
export async function validateCommand(
  terminal: Terminal,
  files: readonly string[],
  registry?: { readonly actions: Parameters<typeof catalogueOf>[0] },
  strict = false,
): Promise<number> {
  const catalogue = registry && catalogueOf(registry.actions);
  let exitCode: number = EXIT.ok;
  for (const file of files) {
    try {
      const { definition, hash, missing, warnings } = await readDefinitionInBounds(
        await readInputFile(file),
        formatOfFile(file),
        { tenant: 'cli', catalogue },
      );
      if (missing.length > 0 || (strict && warnings.length > 0)) {
        showProblems(terminal, file, [...missing, ...warnings]);
        exitCode = exitCode === EXIT.ok ? EXIT.failed : exitCode;
        continue;
      }
      const { id, version } = definition;
      terminal.data({ file, valid: true, id, version, hash, problems: problemsAsJson(warnings) });
      if (warnings.length > 0) terminal.print(formatProblems(warnings, file));
      terminal.print(`${file}: ${id} version ${version} is valid`);
    } catch (thrown) {
      const problems = problemsOf(thrown);
      if (problems !== undefined) showProblems(terminal, file, problems);
      const code = problems === undefined ? exitCodeOf(terminal.error(thrown)) : EXIT.failed;
      if (exitCode === EXIT.ok) exitCode = code;
    }
  }
  return exitCode;
}
