/**
 * What a shell offers at TAB, from the tree of commands itself.
 *
 * Invariant: nothing is looked up: no server, no database, no file is asked, so a TAB never hangs and never fails. The
 * words before the cursor are read as commander reads them: options may stand anywhere, one that wants a value takes
 * the next word, and an argument's place is counted without both.
 */
import type { Command, Option } from 'commander';

export interface Candidate {
  readonly name: string;
  readonly description: string;
}

export interface Candidates {
  readonly items: readonly Candidate[];
  /** The shell's own completion of file names fits here. */
  readonly files: boolean;
}

/** Placeholders of options and names of arguments whose value is a file or a directory. */
const FILES = /^(file|directory|path)$/;
const NONE: Candidates = { items: [], files: false };

/**
 * What fits at the cursor.
 * @param words between the program's name and the word at the cursor
 * @param current the word at the cursor, as far as it is written
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
  /** An option that still wants its value. */
  readonly open: Option | undefined;
  /** Arguments of the command so far. */
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

/** An option that was made to take a value: its choices, or files where its placeholder says so. */
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

/** Those of the command, its help, and those that every command takes. */
function allOptions(command: Command): readonly Option[] {
  const help = command.createHelp();
  help.showGlobalOptions = true;
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
}

const choices = (names: readonly string[], current: string): Candidate[] =>
  names.filter((name) => name.startsWith(current)).map((name) => ({ name, description: '' }));
