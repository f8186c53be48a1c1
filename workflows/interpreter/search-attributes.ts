/** What makes a run findable in the Temporal Web UI and CLI. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { upsertSearchAttributes } from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { LIMITS } from '../../contracts/limits.js';
import type { RunState } from './state.js';

const TENANT = defineSearchAttributeKey('SluiceTenant', SearchAttributeType.KEYWORD);
const DEFINITION = defineSearchAttributeKey('SluiceDefinition', SearchAttributeType.KEYWORD);
const VERSION = defineSearchAttributeKey('SluiceDefinitionVersion', SearchAttributeType.INT);
const KEYS = defineSearchAttributeKey('SluiceCorrelationKeys', SearchAttributeType.KEYWORD_LIST);

/** Characters of a hashed key: a list of 32 stays far below Temporal's 2,048 bytes. */
const HASH_CHARACTERS = 32;

/**
 * The first 32 hex digits of a text's sha-256. So a correlation key stands in the search attribute, because
 * keys may be long and may say more than a visibility store should hold.
 */
export function shortHash(key: string): string {
  return bytesToHex(sha256(utf8ToBytes(key))).slice(0, HASH_CHARACTERS);
}

/** Sets the attributes at the start of a run. */
export function announce(state: RunState): void {
  state.keys = [...new Set(state.start.correlationKeys.map(shortHash))].slice(0, LIMITS.correlationKeys);
  upsertSearchAttributes([
    { key: TENANT, value: state.start.tenant },
    { key: DEFINITION, value: state.prepared.pin.id },
    { key: VERSION, value: state.prepared.pin.version },
    ...(state.keys.length > 0 ? [{ key: KEYS, value: state.keys }] : []),
  ]);
}

/** Adds a wait's key; past 32 keys the rest stands in the wait table only. */
export function addKey(state: RunState, key: string): void {
  const hashed = shortHash(key);
  if (state.keys.includes(hashed) || state.keys.length >= LIMITS.correlationKeys) return;
  state.keys = [...state.keys, hashed];
  upsertSearchAttributes([{ key: KEYS, value: state.keys }]);
}
