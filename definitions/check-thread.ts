/**
 * What a thread of the pool does: reads definitions and checks payloads, one after the other. Requests and
 * answers are texts of JSON, so that neither side clones values of an unknown size.
 */
import { parentPort } from 'node:worker_threads';
import { toSluiceError, SluiceError } from '../contracts/errors.js';
import type { Json, JsonObject } from '../contracts/json.js';
import { LIMITS } from '../contracts/limits.js';
import { CheckRequest, type CheckAnswer } from './checks/messages.js';
import { received } from './known.js';
import { validatePayload } from './payload.js';
import { readStoredDefinition, readWithMissing } from './read.js';

function answerTo(request: CheckRequest): string {
  if (request.kind === 'payload') {
    const schema = JSON.parse(request.schema) as JsonObject;
    const complete = validatePayload(schema, JSON.parse(request.payload) as Json);
    if (!isWithin(complete, LIMITS.stateBytes)) {
      throw new SluiceError(
        'PAYLOAD_INVALID',
        `The payload with the defaults of its schema is over the limit of ${LIMITS.stateBytes} bytes`,
      );
    }
    return JSON.stringify(complete);
  }
  const { text, format, stored, catalogue } = request;
  const { definition, document, hash, missing, warnings } = stored
    ? { ...readStoredDefinition(text, format), missing: [] }
    : readWithMissing(text, format, catalogue && received(catalogue));
  return JSON.stringify({ definition, document, hash, missing, warnings });
}

/** Whether a value is about as short as that, found out without making its text. */
function isWithin(value: Json, most: number): boolean {
  const open: Json[] = [value];
  let length = 0;
  for (let item = open.pop(); item !== undefined && length <= most; item = open.pop()) {
    length += typeof item === 'string' ? item.length : 1;
    if (typeof item !== 'object' || item === null) continue;
    for (const [key, inner] of Object.entries(item)) {
      if (!Array.isArray(item)) length += key.length;
      open.push(inner);
    }
  }
  return length <= most;
}

parentPort?.on('message', (message: unknown) => {
  let answer: CheckAnswer;
  try {
    answer = { ok: true, json: answerTo(CheckRequest.parse(message)) };
  } catch (thrown) {
    const { code, message: text, details } = toSluiceError(thrown);
    answer = { ok: false, code, message: text, ...(details !== undefined && { details }) };
  }
  parentPort?.postMessage(answer);
});
parentPort?.postMessage('ready');
