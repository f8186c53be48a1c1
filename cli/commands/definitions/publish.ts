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
      const { pin, created, latest, warnings } = await client.publishDefinition(source, {
        format: formatOfFile(file),
      });
      const warned = warningsOf(warnings ?? []);
      terminal.data({
        file,
        ...pin,
        created,
        ...(latest !== undefined && { latest }),
        ...(warnings && { warnings }),
      });
      if (warned.length > 0) terminal.print(formatProblems(warned, file));
      terminal.print(
        `${pin.id} version ${pin.version}  ${created ? 'published' : 'already published'}  (${file})`,
      );
      if (latest !== undefined && latest !== null) {
        terminal.print(
          `A start takes version ${latest}. To have it take this one: sluice definitions promote ${pin.id} ${pin.version}`,
        );
      }
    } catch (thrown) {
      const problems = problemsOf(thrown);
      if (problems !== undefined) showProblems(terminal, file, problems);
      const code = problems === undefined ? exitCodeOf(terminal.error(thrown)) : EXIT.failed;
      if (exitCode === EXIT.ok) exitCode = code;
    }
  }
  return exitCode;
}

/**
 * `sluice definitions promote ID VERSION`: says what it changed.
 * @throws SluiceError DEFINITION_NOT_FOUND, DEFINITION_VERSION_NOT_FOUND, ACTION_NOT_FOUND,
 *   SCHEDULE_REFUSED, WORKER_NOT_FOUND …
 */
export async function promoteCommand(
  client: SluiceClient,
  terminal: Terminal,
  id: string,
  version: number,
): Promise<number> {
  const { pin, was, starts, started } = await client.promoteDefinition(id, version);
  terminal.data({ ...pin, was, starts: { ...starts }, started: { ...started } });
  if (was === version) terminal.print(`A start of ${id} takes version ${version}, as before`);
  else if (was === null) terminal.print(`${id} is published again: a start takes version ${version}`);
  else terminal.print(`A start of ${id} takes version ${version}; it took ${was}. Open runs keep theirs`);
  terminal.print(`  events that start runs: ${changeOf(started.events, starts.events)}`);
  terminal.print(`  schedules: ${changeOf(started.schedules, starts.schedules)}`);
  return EXIT.ok;
}

/** Names with what comes and goes: `A, +B, -C`. */
function changeOf(before: readonly string[], now: readonly string[]): string {
  const names = [
    ...now.map((name) => (before.includes(name) ? name : `+${name}`)),
    ...before.filter((name) => !now.includes(name)).map((name) => `-${name}`),
  ];
  return names.length === 0 ? 'none' : names.join(', ');
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
