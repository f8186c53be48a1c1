/**
 * Temporal's default converter, but it never throws while decoding: a payload that is malformed or has an
 * unknown encoding becomes `{$sluiceUndecodable: reason}`, which every reader refuses with a specific code.
 */
import { DefaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';
import { messageOf } from '../contracts/errors.js';
import { UNDECODABLE } from '../contracts/undecodable.js';
import { noteClaim } from './runtime/claims.js';

class TolerantPayloadConverter implements PayloadConverter {
  private readonly inner = new DefaultPayloadConverter();

  toPayload<T>(value: T): Payload {
    return this.inner.toPayload(value);
  }

  fromPayload<T>(payload: Payload): T {
    try {
      const value = this.inner.fromPayload<T>(payload);
      noteClaim(payload, value);
      return value;
    } catch (error) {
      // The converter's type promises a T that the bytes do not hold; readers look for the key.
      return { [UNDECODABLE]: messageOf(error) } as T;
    }
  }
}

/** Named as Temporal's `payloadConverterPath` expects it. */
export const payloadConverter = new TolerantPayloadConverter();
