import { homedir, tmpdir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Environment } from '../config/config.js';

/**
 * The directory for what Sluice downloads or builds once: `$XDG_CACHE_HOME/sluice`, else `~/.cache/sluice`.
 * A user without a home, as in some containers, gets a directory under the system's temporary one.
 */
export function cacheDirectory(env: Environment): string {
  const xdg = env.XDG_CACHE_HOME;
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'sluice');
  const home = env.HOME !== undefined && isAbsolute(env.HOME) ? env.HOME : homeOfUser();
  if (home !== undefined) return join(home, '.cache', 'sluice');
  return join(tmpdir(), `sluice-${process.getuid?.() ?? 'user'}`);
}

function homeOfUser(): string | undefined {
  const home = process.platform === 'win32' ? homedir() : userInfo().homedir;
  return isAbsolute(home) ? home : undefined;
}
