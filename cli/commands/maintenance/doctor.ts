import { styleText } from 'node:util';
import type { Environment } from '../../../worker/config/config.js';
import { checkDatabase } from '../../doctor/database.js';
import { checkApi, checkEvents } from '../../doctor/events.js';
import { attempt, skip, type CheckStatus, type Finding } from '../../doctor/finding.js';
import { checkMachine } from '../../doctor/machine.js';
import { checkProject } from '../../doctor/project.js';
import { checkTemporal } from '../../doctor/temporal.js';
import { EXIT } from '../../terminal/exit-codes.js';
import { printable } from '../../../contracts/reading/printable.js';
import type { Terminal } from '../../terminal/terminal.js';

const MARKS = {
  ok: ['✔', 'green'],
  warn: ['!', 'yellow'],
  fail: ['✘', 'red'],
  skip: ['-', 'gray'],
} as const satisfies Record<CheckStatus, readonly [string, Parameters<typeof styleText>[0]]>;

/** Columns for the name of a check. */
const CHECK_WIDTH = 18;
/** Indents the further lines of a finding past the mark and the name of its check. */
const INDENT = ' '.repeat(CHECK_WIDTH + 3);

/**
 * `sluice doctor`: checks everything that Sluice needs and says how to fix problems. It changes nothing,
 * except with `tryWrites`, which tests whether a database server loses updates.
 * @returns 0, or 3 if a check failed; warnings are not failures
 */
export async function doctorCommand(
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
    groups.push(attempt('database', () => checkDatabase(config.database, temporal, options)));
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
  terminal.print(`\n${counts.fail} failed, ${counts.warn} warnings, ${counts.ok} passed`);
  return counts.fail === 0 ? EXIT.ok : EXIT.unavailable;
}

function show(terminal: Terminal, finding: Finding): void {
  const { fix, ...rest } = finding;
  const { check, status, found, code } = rest;
  // Scripts read the field by its first name.
  terminal.data({ ...rest, ...(fix !== undefined && { mend: fix }) });
  const [mark, color] = MARKS[status];
  const shown = terminal.color ? styleText(color, mark) : mark;
  const [first, ...more] = `${code === undefined ? '' : `${code}: `}${found}`.split('\n');
  terminal.printStyled(`${shown} ${check.padEnd(CHECK_WIDTH)} ${printable(first ?? '')}`);
  for (const line of more) terminal.print(`${INDENT}${line}`);
  if (fix !== undefined) terminal.print(`${INDENT}→ ${fix}`);
}
