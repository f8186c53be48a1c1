/** A command of `sluice` in the process of the test, because every new process would load the SDK again. */
import { vi } from 'vitest';
import { main } from '../../../cli/main.js';
import type { CommandResult } from '../../support/command.js';

/** Runs a command to its end. @param env its environment; nothing of the process's own */
export async function runInProcess(args: readonly string[], env: NodeJS.ProcessEnv): Promise<CommandResult> {
  const output = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      output[stream] += String(text);
      return true;
    }),
  );
  try {
    return { code: await main(['node', 'sluice', ...args], env), ...output };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
