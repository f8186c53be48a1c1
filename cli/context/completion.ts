/**
 * Completion candidates at TAB, taken from the tree of commands.
 *
 * Invariant: completion reads no server, database or file, so a TAB never hangs and never fails. It parses
 * the words before the cursor as commander does: options may appear anywhere, an option with a value takes
 * the next word, and neither counts towards the position of an argument.
 */
import type { Command, Option } from 'commander';

export interface Candidate {
  readonly name: string;
  readonly description: string;
}

export interface Candidates {
  readonly items: readonly Candidate[];
  /** Whether the shell should complete file names. */
  readonly files: boolean;
}

/** Names of arguments and placeholders of options whose value is a path. */
const FILES = /^(file|directory|path)$/;
const NONE: Candidates = { items: [], files: false };

/**
 * The candidates at the cursor.
 * @param words between the program's name and the word at the cursor
 * @param current the word at the cursor, as typed so far
 */
export function candidatesAt(program: Command, words: readonly string[], current: string): Candidates {
  const { command, open, given } = readWords(program, words);
  if (open !== undefined) return valuesOf(open, current);
  if (current.startsWith('-')) return { items: optionsOf(command, current), files: false };
  const subcommands = command.createHelp().visibleCommands(command);
  const items = subcommands
    .filter((sub) => sub.name().startsWith(current))
    .map((sub) => ({ name: sub.name(), description: sub.description() }));
  if (items.length > 0 || command.registeredArguments.length === 0) return { items, files: false };
  const last = command.registeredArguments.at(-1);
  const argument = command.registeredArguments[given] ?? (last?.variadic === true ? last : undefined);
  if (argument === undefined) return NONE;
  if (argument.argChoices !== undefined) {
    return { items: choices(argument.argChoices, current), files: false };
  }
  return { items: [], files: FILES.test(argument.name()) };
}

interface Read {
  readonly command: Command;
  /** An option whose value comes next. */
  readonly open: Option | undefined;
  /** Number of arguments so far. */
  readonly given: number;
}

function readWords(program: Command, words: readonly string[]): Read {
  let command = program;
  let open: Option | undefined;
  let given = 0;
  for (const word of words) {
    if (open !== undefined) {
      open = undefined;
    } else if (word.startsWith('-')) {
      const option = allOptions(command).find(({ long, short }) => long === word || short === word);
      open = option?.required === true ? option : undefined;
    } else {
      const sub = command.commands.find((candidate) => candidate.name() === word);
      if (sub === undefined) given++;
      else [command, given] = [sub, 0];
    }
  }
  return { command, open, given };
}

/** Values of an option: its choices, or files if its placeholder names a path. */
function valuesOf({ flags, argChoices }: Option, current: string): Candidates {
  if (argChoices !== undefined) return { items: choices(argChoices, current), files: false };
  const placeholder = /<([^>]+)>/.exec(flags)?.[1] ?? '';
  return { items: [], files: FILES.test(placeholder) };
}

function optionsOf(command: Command, current: string): Candidate[] {
  return allOptions(command)
    .filter(({ long }) => long?.startsWith(current) === true)
    .map(({ long, description }) => ({ name: long ?? '', description }));
}

/** The options of the command, `--help`, and the global options. */
function allOptions(command: Command): readonly Option[] {
  const help = command.createHelp();
  help.showGlobalOptions = true;
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
}

const choices = (names: readonly string[], current: string): Candidate[] =>
  names.filter((name) => name.startsWith(current)).map((name) => ({ name, description: '' }));
