/**
 * Claims of what a client sends (contracts/naming/claims.ts), where its data converter has a ring of claim
 * keys. The codec signs them with the workflow id of each call.
 */
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter, RawValue } from '@temporalio/common';
import {
  CLAIM_MEMO,
  claimedPayload,
  claimKeeperOf,
  startText,
  systemText,
  type ClaimKeeper,
  type ClaimPurpose,
} from '../../contracts/naming/claims.js';

import { rewindText, type Rewind } from '../../contracts/run/rewind.js';

/** What signs the claims of a client; undefined: nothing does. */
function keeperOf({ options }: Client): ClaimKeeper | undefined {
  return claimKeeperOf(options.loadedDataConverter.payloadCodecs);
}

/** The memo of a start, with its claim. */
export function withStartClaim(
  temporal: Client,
  type: string,
  { memo = {}, args = [] }: { readonly memo?: Record<string, unknown>; readonly args?: readonly unknown[] },
): Record<string, unknown> {
  const keeper = keeperOf(temporal);
  if (keeper === undefined) return memo;
  const digest = keeper.digest(startText(type, memo, args[0]));
  return { ...memo, [CLAIM_MEMO]: claimed({ type, digest }, 'start') };
}

/** The memo of a call of a system workflow, with its claim. */
export function systemClaim(
  temporal: Client,
  type: string,
  request: unknown,
): { readonly memo?: Record<string, unknown> } {
  const keeper = keeperOf(temporal);
  if (keeper === undefined) return {};
  const digest = keeper.digest(systemText(type, request));
  return { memo: { [CLAIM_MEMO]: claimed({ type, digest }, 'system') } };
}

/** The payload of a signal, with its claim. */
export function claimedSignal(temporal: Client, name: string, payload: unknown): unknown {
  return keeperOf(temporal) === undefined ? payload : claimed(payload, `signal ${name}`);
}

function claimed(value: unknown, purpose: ClaimPurpose): RawValue {
  return RawValue.fromPayload(
    claimedPayload((inner: unknown) => defaultPayloadConverter.toPayload(inner), value, purpose),
  );
}

/** The order of a rewind, with its claim. @param executionId the execution that is reset */
export function withRewindClaim(
  temporal: Client,
  workflowId: string,
  rewind: Rewind,
  executionId: string,
): Rewind {
  const keeper = keeperOf(temporal);
  if (keeper === undefined) return rewind;
  const place = { namespace: temporal.options.namespace, workflowId };
  return { ...rewind, claim: keeper.sign('rewind', place, rewindText(rewind, executionId)) };
}
