/**
 * Temporal's default converter, but it never throws while decoding: a payload that is malformed or has an
 * unknown encoding becomes `{$sluiceUndecodable: reason}`, which every reader refuses with a code of its own.
 */
import { DefaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';
import { UNDECODABLE } from '../contracts/undecodable.js';

class TolerantPayloadConverter implements PayloadConverter {
  private readonly inner = new DefaultPayloadConverter();

  toPayload<T>(value: T): Payload {
    return this.inner.toPayload(value);
  }

  fromPayload<T>(payload: Payload): T {
    try {
      return this.inner.fromPayload<T>(payload);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // The converter's type promises a T that the bytes do not hold; readers look for the key.
      return { [UNDECODABLE]: reason } as T;
    }
  }
}

/** Named as Temporal's `payloadConverterPath` expects it. */
export const payloadConverter = new TolerantPayloadConverter();
