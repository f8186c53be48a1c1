import { styleText } from 'node:util';
import type { Environment } from '../../../worker/config/config.js';
import { checkDatabase } from '../../doctor/database.js';
import { checkApi, checkEvents } from '../../doctor/events.js';
import { attempt, skip, type CheckStatus, type Finding } from '../../doctor/finding.js';
import { checkMachine } from '../../doctor/machine.js';
import { checkProject } from '../../doctor/project.js';
import { checkTemporal } from '../../doctor/temporal.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';

const MARKS = {
  ok: ['✔', 'green'],
  warn: ['!', 'yellow'],
  fail: ['✘', 'red'],
  skip: ['-', 'gray'],
} as const satisfies Record<CheckStatus, readonly [string, Parameters<typeof styleText>[0]]>;

/**
 * `sluice doctor`: looks at everything that Sluice needs, and says how to mend what is not as it should be. It
 * changes nothing, unless it is told to try whether a database server keeps what is written.
 * @returns 0, or 3 where a check failed; what is worth a warning does not fail
 */
export async function examine(
  terminal: Terminal,
  env: Environment,
  options: { readonly tryWrites?: boolean } = {},
): Promise<number> {
  const { findings, config, bridge, api } = await checkProject(env, process.cwd());
  const groups: Promise<readonly Finding[]>[] = [checkMachine(), Promise.resolve(findings)];
  if (config === undefined) {
    groups.push(Promise.resolve([skip('temporal', 'the configuration is invalid')]));
    groups.push(Promise.resolve([skip('database', 'the configuration is invalid')]));
  } else {
    const temporal = checkTemporal(config);
    groups.push(temporal.then((report) => report.findings));
    const workers = temporal.then((report) => report.workers);
    groups.push(attempt('database', () => checkDatabase(config.database, workers, options)));
  }
  if (bridge !== undefined) groups.push(checkEvents(bridge, env));
  groups.push(checkApi(api?.url));
  const counts: Record<CheckStatus, number> = { ok: 0, warn: 0, fail: 0, skip: 0 };
  for (const group of await Promise.all(groups)) {
    for (const finding of group) {
      counts[finding.status]++;
      show(terminal, finding);
    }
  }
  terminal.data({ summary: counts });
  terminal.print(`\n${counts.fail} failed, ${counts.warn} to look at, ${counts.ok} in order`);
  return counts.fail === 0 ? EXIT.ok : EXIT.unavailable;
}

function show(terminal: Terminal, finding: Finding): void {
  const { check, status, found, code, mend } = finding;
  terminal.data({ ...finding });
  const [mark, color] = MARKS[status];
  const shown = terminal.color ? styleText(color, mark) : mark;
  const [first, ...more] = `${code === undefined ? '' : `${code}: `}${found}`.split('\n');
  terminal.print(`${shown} ${check.padEnd(18)} ${first}`);
  for (const line of more) terminal.print(`  ${' '.repeat(19)}${line}`);
  if (mend !== undefined) terminal.print(`  ${' '.repeat(19)}→ ${mend}`);
}
