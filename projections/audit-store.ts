/** The audit, bound to a database. */
import type { Writer } from './connection/writer.js';
import { beginAct, settleAct, type AuditKey, type BegunAct, type SettledAct } from './writers/audit.js';

/** Writes of who did what; projections/writers/audit.ts describes a row. */
export interface AuditStore {
  begin(begun: BegunAct): Promise<void>;
  settle(key: AuditKey, settled: SettledAct): Promise<void>;
}

export function createAuditStore(writer: Writer): AuditStore {
  return {
    begin: (begun) => beginAct(writer, begun),
    settle: (...args) => settleAct(writer, ...args),
  };
}
