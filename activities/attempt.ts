import type { Context } from '@temporalio/activity';
import type { ActionDefinition } from '../contracts/action.js';
import type { ActionEnvelope } from '../contracts/activity.js';
import type { Json } from '../contracts/json.js';
import type { ActivityDeps, StopLimits } from './deps.js';
import type { LedgerEntry } from './ledger-entry.js';
import type { Redactor } from './redactor.js';

/** All that belongs to one attempt of an action. */
export interface Attempt {
  readonly deps: ActivityDeps;
  readonly limits: StopLimits;
  readonly temporal: Context;
  readonly action: ActionDefinition;
  readonly input: Json;
  readonly envelope: ActionEnvelope;
  readonly entry: LedgerEntry;
  readonly redactor: Redactor;
}
