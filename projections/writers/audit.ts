/**
 * Audit rows: who did what, on what, from where, when, and how it ended.
 *
 * States of a row: begun → settled. A row that stays begun belongs to an act whose process died or that is
 * under way. Its outcome is not known, and reads say so.
 *
 * Invariant: the row is committed before the act is begun. So no act happens without a row, and a database
 * that is away stops the act.
 */
import { listKey } from '../log/keys.js';
import { commit } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';

/** Names of things that a row itself shows; the list of each thing has every row. */
export const SHOWN = 100;

/** Which row. */
export interface AuditKey {
  readonly tenant: string;
  readonly at: Date;
  readonly requestId: string;
}

/** Who acts, and how. */
export interface BegunAct extends AuditKey {
  readonly kind: string;
  readonly issuer: string | undefined;
  readonly subject: string;
  readonly act: string;
  /** What it acts on, as far as that is known, such as `run:ID`. */
  readonly on: readonly string[];
}

export interface SettledAct {
  readonly outcome: 'done' | 'refused' | 'failed' | 'unknown';
  readonly code: string | undefined;
  /** What it acted on, in addition to what was known before. */
  readonly on: readonly string[];
  readonly endedAt: Date;
}

const LIST = {
  label: 'audit_on.write',
  text: `FOR $thing IN $things { UPSERT type::record('audit_on', [$id[0], $thing, $id[1]]) RETURN NONE }`,
};

const BEGIN = {
  label: 'audit.begin',
  text: `UPSERT type::record('audit', $id) CONTENT { at: $at, kind: $kind, issuer: $issuer, subject: $subject, act: $act, request_id: $request_id, on: $shown } RETURN NONE`,
};

const SETTLE = {
  label: 'audit.settle',
  text: `UPDATE type::record('audit', $id) SET outcome = $outcome, code = $code, ended_at = $ended_at, on = array::slice(array::union(on, $things), 0, ${SHOWN}) RETURN NONE`,
};

const idOf = ({ tenant, at, requestId }: AuditKey): string[] => [tenant, listKey(at, requestId)];

/** Records that an act begins. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function beginAct({ database, faults }: Writer, begun: BegunAct): Promise<void> {
  const { at, kind, issuer, subject, act, requestId, on } = begun;
  await commit(
    database,
    [BEGIN, LIST],
    {
      ...{ id: idOf(begun), at, kind, issuer, subject, act, request_id: requestId },
      ...{ shown: on.slice(0, SHOWN), things: on },
    },
    faults,
  );
}

/** Records how an act ended. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function settleAct(
  { database, faults }: Writer,
  key: AuditKey,
  { outcome, code, on, endedAt }: SettledAct,
): Promise<void> {
  await commit(
    database,
    [SETTLE, LIST],
    { id: idOf(key), outcome, code, things: on, ended_at: endedAt },
    faults,
  );
}
