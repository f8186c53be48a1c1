import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { candidatesAt } from '../../cli/context/completion.js';
import { createProgram } from '../../cli/program.js';
import { runCommand } from '../support/command.js';

const { program } = createProgram({}, () => undefined);
const at = (line: string) => {
  const words = line.split(' ');
  return candidatesAt(program, words.slice(0, -1), words.at(-1) ?? '');
};
const names = (line: string) => at(line).items.map(({ name }) => name);

describe('candidates at the cursor', () => {
  it('completion offers commands and subcommands, but no hidden ones', () => {
    expect(names('pub')).toEqual(['publish']);
    expect(names('dead-letters re')).toEqual(['retry']);
    expect(names('')).not.toContain('completion-server');
  });

  it('completion offers the options of the command and the global ones', () => {
    expect(names('run x --w')).toEqual(['--workflow-id']);
    expect(names('run x --js')).toEqual(['--json']);
  });

  it('completion offers the values of an option and of an argument', () => {
    expect(names('dead-letters list --status ')).toEqual(['open', 'all']);
    expect(names('completion z')).toEqual(['zsh']);
  });

  it('completion leaves file names to the shell, where a file is expected and only there', () => {
    expect(at('publish ')).toEqual({ items: [], files: true });
    expect(at('publish a.yaml b')).toEqual({ items: [], files: true });
    expect(at('--json validate x')).toEqual({ items: [], files: true });
    expect(at('policy check a.yaml --dir ')).toEqual({ items: [], files: true });
    expect(at('run ')).toEqual({ items: [], files: false });
    expect(at('policy check a.yaml b')).toEqual({ items: [], files: false });
  });

  it('completion skips options and their values', () => {
    expect(names('--address 127.0.0.1:1 --json pub')).toEqual(['publish']);
    expect(names('run x --address ')).toEqual([]);
  });
});

describe('a real shell', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-completion-'));
    const bin = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
    writeFileSync(join(directory, 'sluice'), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
    chmodSync(join(directory, 'sluice'), 0o755);
    writeFileSync(join(directory, 'order.yaml'), '');
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** The candidates that bash shows at TAB, from the completion function that the script registered. */
  async function tab(line: string): Promise<string[]> {
    const words = line.split(' ');
    const script = `
      source <(sluice completion bash)
      COMP_LINE=$1 COMP_POINT=\${#1}
      read -ra COMP_WORDS <<<"$1"; [[ $1 == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      handler=$(complete -p sluice | sed 's/.*-F \\([^ ]*\\).*/\\1/')
      "$handler" sluice "\${COMP_WORDS[COMP_CWORD]}"
      printf '%s\\n' "\${COMPREPLY[@]}"
      if [[ \${#COMPREPLY[@]} == 0 && $(complete -p sluice) == *'-o default'* ]]; then compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"; fi`;
    const { stdout, stderr, code } = await runCommand(
      'bash',
      ['--norc', '-c', script, 'bash', words.join(' ')],
      {
        cwd: directory,
        env: { ...process.env, PATH: `${directory}${delimiter}${process.env['PATH'] ?? ''}` },
      },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.split('\n').filter((found) => found !== '');
  }

  it('bash completes commands, options and files', async () => {
    expect(await tab('sluice pub')).toEqual(['publish']);
    expect(await tab('sluice run x --vers')).toEqual(['--version']);
    expect(await tab('sluice publish ord')).toEqual(['order.yaml']);
  });

  it.each([
    ['zsh', 'compdef _sluice_completion sluice'],
    ['fish', 'complete -f -d'],
  ])('%s gets the script for its shell', async (shell, expected) => {
    const { code, stdout } = await runCommand(join(directory, 'sluice'), ['completion', shell]);
    expect(code).toBe(0);
    expect(stdout).toContain(expected);
  });
});
