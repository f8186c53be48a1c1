import type { Context } from '@temporalio/activity';
import type { ActionDefinition } from '../../contracts/run/action.js';
import type { ActionEnvelope } from '../../contracts/run/activity.js';
import type { Json } from '../../contracts/json.js';
import type { ActivityDeps, StopLimits } from '../boundary/deps.js';
import type { SecretRedactor } from '../boundary/redactor.js';
import type { Permit } from '../boundary/permit.js';
import type { LedgerEntry } from './ledger-entry.js';

/** Everything that belongs to one attempt of an action. */
export interface Attempt {
  readonly deps: ActivityDeps;
  readonly limits: StopLimits;
  readonly temporal: Context;
  readonly action: ActionDefinition;
  readonly input: Json;
  readonly envelope: ActionEnvelope;
  readonly entry: LedgerEntry;
  readonly permit: Permit;
  readonly redactor: SecretRedactor;
}
