import { readdirSync, readFileSync } from 'node:fs';

const LIMIT_MS = 2_000;

/**
 * Stops a process without ending it, and returns once each of its threads has stopped: a busy machine takes a
 * while, and until then the process still answers.
 */
export function stopProcess(pid: number): void {
  process.kill(pid, 'SIGSTOP');
  const until = Date.now() + LIMIT_MS;
  while (!hasStopped(pid)) {
    if (Date.now() > until) throw new Error(`Process ${pid} did not stop within ${LIMIT_MS} ms`);
  }
}

/** True where the system does not tell (it has no /proc), too. */
function hasStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  try {
    return readdirSync(tasks).every((task) => {
      const stat = readFileSync(`${tasks}/${task}/stat`, 'latin1');
      // The state follows the name, which is in parentheses.
      return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
    });
  } catch {
    return true;
  }
}
