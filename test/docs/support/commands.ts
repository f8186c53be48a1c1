/** Commands of `sluice` that a page names in code. */
import type { Command } from 'commander';
import { createProgram } from '../../../cli/program.js';

/** Those that the command line does not have. */
export function unknownCommands(page: string): string[] {
  const { program } = createProgram({}, () => undefined);
  const lines = [...page.matchAll(/(?:^|`)(?:npx )?(sluice [^`\n]*)/gm)].map((found) => found[1] as string);
  return lines.filter((line) => !exists(program, commandWords(line)));
}

/** `sluice runs show ID --json` → runs, show. */
function commandWords(line: string): string[] {
  const words = line.trim().split(' ').slice(1);
  const end = words.findIndex((word) => !/^[a-z][a-z-]*$/.test(word));
  return end < 0 ? words : words.slice(0, end);
}

function exists(command: Command, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true;
  const next = command.commands.find((candidate) => candidate.name() === first);
  if (next === undefined) return command.registeredArguments.length > 0;
  return exists(next, rest);
}
