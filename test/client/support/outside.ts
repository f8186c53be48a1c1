/** Actions whose effects are counted outside of Sluice, and definitions that call them. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { defineAction } from '../../../actions/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import type { JsonObject } from '../../../contracts/json.js';

interface Outside {
  /** What happened, in order: `NAME n`, the n counting that name. */
  done: string[];
  keys: string[];
  /** `test.fragile` fails for as long as this is true. */
  fails: boolean;
}

/** `test.do` and `test.fragile` take a name and return it with how often it was done. */
export function outside() {
  const seen: Outside = { done: [], keys: [], fails: false };
  const action = (id: string, act: () => void) =>
    defineAction({
      id,
      version: 1,
      description: 'Is counted.',
      input: z.string(),
      output: z.object({ name: z.string(), n: z.number() }),
      run: (name, { idempotencyKey }) => {
        act();
        seen.keys.push(idempotencyKey);
        const n = seen.done.filter((one) => one.startsWith(`${name} `)).length + 1;
        seen.done.push(`${name} ${n}`);
        return { name, n };
      },
    });
  const actions = [
    action('test.do', () => undefined),
    action('test.fragile', () => {
      if (seen.fails) throw new SluiceError('BROKEN', 'Broken', { retryable: false });
    }),
  ];
  const clear = () => void Object.assign(seen, { done: [], keys: [], fails: false });
  return { seen, actions, clear };
}

/** A step that calls `test.do` with its id. */
export function call(id: string, more: JsonObject = {}): JsonObject {
  return { id, type: 'action.call', action: 'test.do', input: id, saveAs: `vars.${id}`, ...more };
}

/** The source of a definition with a new id. */
export function sourceOf(steps: readonly JsonObject[], more: JsonObject = {}): string {
  return JSON.stringify({ id: `d-${randomUUID()}`, version: 1, ...more, steps });
}
