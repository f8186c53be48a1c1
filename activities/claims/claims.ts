/** Claims of what activities send (contracts/naming/claims.ts), where the worker has a ring of claim keys. */
import { Context } from '@temporalio/activity';
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

/** What signs the claims of a client; undefined: nothing does. */
export function keeperOf({ options }: Client): ClaimKeeper | undefined {
  return claimKeeperOf(options.loadedDataConverter.payloadCodecs);
}

/** The memo of the runs that a schedule starts, with their claim. */
export function withScheduleClaim(
  client: Client,
  type: string,
  memo: Record<string, unknown>,
  payload: unknown,
): Record<string, unknown> {
  const keeper = keeperOf(client);
  if (keeper === undefined) return memo;
  const digest = keeper.digest(startText(type, memo, payload));
  return { ...memo, [CLAIM_MEMO]: claimed({ type, digest }, 'schedule') };
}

/** The memo of a call of a system workflow, with its claim. */
export function systemClaim(
  client: Client,
  type: string,
  request: unknown,
): { readonly memo?: Record<string, unknown> } {
  const keeper = keeperOf(client);
  if (keeper === undefined) return {};
  const digest = keeper.digest(systemText(type, request));
  return { memo: { [CLAIM_MEMO]: claimed({ type, digest }, 'system') } };
}

/** The payload of a signal of the activity that runs, with its claim. */
export function claimedSignal(name: string, payload: unknown): unknown {
  return keeperOf(Context.current().client) === undefined ? payload : claimed(payload, `signal ${name}`);
}

function claimed(value: unknown, purpose: ClaimPurpose): RawValue {
  return RawValue.fromPayload(
    claimedPayload((inner: unknown) => defaultPayloadConverter.toPayload(inner), value, purpose),
  );
}
