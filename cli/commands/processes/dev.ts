import { runDevStack } from '../../../worker/dev-stack/dev-stack.js';
import type { Environment } from '../../../worker/config/config.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';
import { validateFiles } from '../definitions/validate.js';

export interface DevOptions {
  readonly example?: boolean;
  readonly once?: boolean;
}

/**
 * `sluice dev [FILE…]`: everything on this machine, in the working directory. Files with mistakes are refused before
 * anything is started.
 */
export async function serveDev(
  terminal: Terminal,
  env: Environment,
  files: readonly string[],
  { example = false, once = false }: DevOptions,
): Promise<number> {
  const code = await validateFiles(terminal, files);
  if (code !== EXIT.ok) return code;
  return runDevStack({ env, root: process.cwd(), files, example, once, out: process.stdout });
}
