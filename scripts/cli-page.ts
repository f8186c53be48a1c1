/** docs/cli.md: made of the tree of commands itself, so it can't say anything else than `sluice --help`. */
import type { Argument, Command, Option } from 'commander';
import { EXIT, EXIT_MEANINGS } from '../cli/terminal/exit-codes.js';
import { createProgram } from '../cli/program.js';

/** The text of docs/cli.md. */
export function cliPage(): string {
  const { program } = createProgram({}, () => undefined);
  const exits = (Object.keys(EXIT) as (keyof typeof EXIT)[]).map(
    (name) => `| ${EXIT[name]} | ${EXIT_MEANINGS[name]} |`,
  );
  return `# The command line

<!-- Made by \`npm run docs\` from the commands in cli/: edit the commands there, the text in scripts/cli-page.ts. -->

\`npx sluice COMMAND\` in a clone; \`sluice COMMAND\` where the package is installed. Results go to standard output, all else
to standard error.

- **For people**: tables and lines, in colour on a terminal (\`NO_COLOR\` turns it off), progress on long work.
- **For scripts**: with \`--json\` standard output has one JSON value a line and nothing else; an error is
  \`{"error": {"code", "message", "details", "stepPath", "help"}}\`, with a code of [errors.md](errors.md).
- **Where**: servers and task queue come from the environment ([configuration.md](configuration.md)), or from the options
  that every command takes:

${optionTable(program)}

## Exit codes

| code | meaning |
| --- | --- |
${exits.join('\n')}

## Completion

Bash, zsh and fish complete commands, options and their values after this, in the shell's start-up file:

\`\`\`sh
source <(sluice completion bash)        # ~/.bashrc
source <(sluice completion zsh)         # ~/.zshrc
sluice completion fish | source         # ~/.config/fish/config.fish
\`\`\`

The script calls \`sluice\` at each TAB, so it must be on PATH (\`npm install --global\`, or \`npm link\` in a clone).

# Commands
${commandsOf(program, 'sluice').join('')}`;
}

function commandsOf(parent: Command, path: string): string[] {
  return parent
    .createHelp()
    .visibleCommands(parent)
    .filter((command) => command.name() !== 'help')
    .flatMap((command) => {
      const name = `${path} ${command.name()}`;
      return [sectionOf(command, name), ...commandsOf(command, name)];
    });
}

function sectionOf(command: Command, name: string): string {
  const usage = [name, ...command.registeredArguments.map(nameOf)].join(' ');
  const parts = [
    `\n## ${name}\n`,
    `${capital(command.description())}.\n`,
    `\`${usage}\`\n`,
    argumentList(command.registeredArguments),
    optionTable(command),
  ];
  return `${parts.filter((part) => part !== '').join('\n')}${command.commands.length > 0 || hasTable(command) ? '\n' : ''}`;
}

const hasTable = (command: Command): boolean => optionsOf(command).length > 0;

function nameOf(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '…' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function argumentList(given: readonly Argument[]): string {
  const rows = given.filter(({ description }) => description !== '');
  return rows.map((argument) => `- \`${nameOf(argument)}\`: ${argument.description}\n`).join('');
}

function optionsOf(command: Command): readonly Option[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .filter(({ long }) => long !== '--help');
}

function optionTable(command: Command): string {
  const rows = optionsOf(command).map((option) => `| \`${option.flags}\` | ${escaped(meaningOf(option))} |`);
  return rows.length === 0 ? '' : `| option | meaning |\n| --- | --- |\n${rows.join('\n')}`;
}

function meaningOf({ description, argChoices, defaultValue }: Option): string {
  const choices = argChoices === undefined ? '' : ` (${argChoices.join(', ')})`;
  const byDefault = typeof defaultValue === 'string' ? `; default \`${defaultValue}\`` : '';
  return `${description}${choices}${byDefault}`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const escaped = (text: string): string => text.replaceAll('|', '\\|');
