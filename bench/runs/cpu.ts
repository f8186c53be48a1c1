/**
 * What CPU a piece of work costs: of this process (worker, embedded store and client) and of Temporal's server. Unlike
 * times by the clock it says the same on a machine that does other things as well.
 */
import { readFileSync } from 'node:fs';

/** A clock tick of /proc, ms. */
const TICK_MS = 10;

export interface Cpu {
  readonly worker: number;
  readonly server: number;
}

/**
 * CPU used so far, ms; the server's is NaN where there is no /proc.
 * @param supervisor process id of the server's supervisor
 */
export function cpuUsed(supervisor: number): Cpu {
  const { user, system } = process.cpuUsage();
  return { worker: (user + system) / 1_000, server: family(supervisor) };
}

/** Of a process and all its children, ms. */
function family(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the command's name, which may hold anything: fields 14 and 15 of proc(5) are ticks of user and system.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const own = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return children.filter((child) => child !== '').reduce((sum, child) => sum + family(Number(child)), own);
  } catch {
    return Number.NaN;
  }
}
