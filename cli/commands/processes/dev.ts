import { runDevStack } from '../../../worker/dev-stack/dev-stack.js';
import type { Environment } from '../../../worker/config/config.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';
import { validateCommand } from '../definitions/validate.js';

export interface DevOptions {
  readonly example?: boolean;
  readonly once?: boolean;
}

/**
 * `sluice dev [FILE…]`: runs everything on this machine, with its data in the working directory. It refuses
 * invalid files before it starts anything.
 */
export async function devCommand(
  terminal: Terminal,
  env: Environment,
  files: readonly string[],
  { example = false, once = false }: DevOptions,
): Promise<number> {
  const code = await validateCommand(terminal, files);
  if (code !== EXIT.ok) return code;
  return runDevStack({ env, root: process.cwd(), files, example, once, out: process.stdout });
}
