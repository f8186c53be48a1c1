/**
 * The CPU time of a piece of work, in this process (worker, embedded store and client) and in Temporal's
 * server. Unlike wall-clock time it does not depend on the other load of the machine.
 */
import { readFileSync } from 'node:fs';

/** A clock tick of /proc, ms. */
const TICK_MS = 10;

export interface Cpu {
  readonly worker: number;
  readonly server: number;
}

/**
 * CPU used so far, ms; the server's is NaN on a system without /proc.
 * @param supervisor process id of the server's supervisor
 */
export function cpuUsed(supervisor: number): Cpu {
  const { user, system } = process.cpuUsage();
  return { worker: (user + system) / 1_000, server: family(supervisor) };
}

/** CPU time of a process and all its children, ms. */
function family(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the command's name, which may contain any text: fields 14 and 15 of proc(5) are ticks of user and
    // system.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const cpuMs = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return children
      .filter((child) => child !== '')
      .reduce((sum, child) => sum + family(Number(child)), cpuMs);
  } catch {
    return Number.NaN;
  }
}
