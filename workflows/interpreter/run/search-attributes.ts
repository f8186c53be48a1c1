/**
 * Search attributes: they make a run findable in the Temporal Web UI and CLI.
 *
 * Temporal keeps them in clear, so correlation keys are digests there: keyed ones where the worker that
 * prepared the run has a key ring. A run keeps the kind that it began with.
 */
import { upsertSearchAttributes } from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { LIMITS } from '../../../contracts/limits.js';
import { keyedHash, shortHash } from '../state/hash.js';
import type { RunState } from '../state/state.js';

const TENANT = defineSearchAttributeKey('SluiceTenant', SearchAttributeType.KEYWORD);
const DEFINITION = defineSearchAttributeKey('SluiceDefinition', SearchAttributeType.KEYWORD);
const VERSION = defineSearchAttributeKey('SluiceDefinitionVersion', SearchAttributeType.INT);
const KEYS = defineSearchAttributeKey('SluiceCorrelationKeys', SearchAttributeType.KEYWORD_LIST);

/** Sets the attributes at the start of a run. */
export function announce(state: RunState): void {
  state.keys = [...new Set(state.start.correlationKeys.map((key) => digestOf(state, key)))].slice(
    0,
    LIMITS.correlationKeys,
  );
  upsertSearchAttributes([
    { key: TENANT, value: state.start.tenant },
    { key: DEFINITION, value: state.prepared.pin.id },
    { key: VERSION, value: state.prepared.pin.version },
    ...(state.keys.length > 0 ? [{ key: KEYS, value: state.keys }] : []),
  ]);
}

/** Adds the key of a wait; past 32 keys, further ones are in the wait table only. */
export function addKey(state: RunState, key: string): void {
  const hashed = digestOf(state, key);
  if (state.keys.includes(hashed) || state.keys.length >= LIMITS.correlationKeys) return;
  state.keys = [...state.keys, hashed];
  upsertSearchAttributes([{ key: KEYS, value: state.keys }]);
}

function digestOf({ prepared: { searchKey } }: RunState, key: string): string {
  return searchKey === undefined ? shortHash(key) : keyedHash(key, searchKey);
}
