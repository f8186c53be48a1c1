/**
 * Evidence of a decision about a step that calls no action: it commits before the step acts. The last
 * decision about an attempt replaces one before, whose answer was lost.
 */
import type { Evidence } from '../../../contracts/authorization.js';
import type { StepRef } from '../../../contracts/run/activity.js';
import type { Execution } from '../../../contracts/run/projection.js';
import { commit, type Statement } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';
import { TextWriter } from '../../log/texts.js';
import { evidenceRow } from './finish-action.js';

const PUT: Statement = {
  label: 'evidence.decide',
  text: `UPSERT type::record('evidence', $evidence.id) CONTENT $evidence.row RETURN NONE`,
};

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function putEvidence(
  { database, faults }: Writer,
  execution: Execution,
  step: StepRef,
  evidence: Evidence,
): Promise<void> {
  const { tenant, runId } = execution.run;
  const texts = new TextWriter(database.seal, tenant, runId);
  const row = evidenceRow(execution, { step }, { evidence, texts, at: new Date() });
  await commit(database, [...texts.statements(), PUT], { evidence: row, ...texts.variables() }, faults);
}
