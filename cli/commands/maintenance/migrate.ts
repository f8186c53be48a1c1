import { connect, migrate, migrationStatus } from '../../../projections/index.js';
import type { SluiceConfig } from '../../../worker/config/config.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';

/**
 * `sluice migrate`: applies the missing migrations; with `--status` it only shows them.
 * @returns the exit code: 1 if migrations are missing
 */
export async function migrateCommand(
  terminal: Terminal,
  config: SluiceConfig,
  options: { readonly status?: boolean },
): Promise<number> {
  const database = await connect(config.database);
  try {
    const applied = options.status === true ? [] : await migrate(database);
    const states = await migrationStatus(database);
    for (const { name, appliedAt } of states) {
      terminal.data({ migration: name, appliedAt, now: applied.includes(name) });
      terminal.print(`${name}  ${appliedAt ?? 'missing'}${applied.includes(name) ? '  (applied now)' : ''}`);
    }
    return states.every(({ appliedAt }) => appliedAt !== null) ? EXIT.ok : EXIT.failed;
  } finally {
    await database.close();
  }
}
