/** One expression of the parity table with its outcome in a serializable form. Also runs in workflows. */
import { SluiceError } from '../../../contracts/errors.js';
import type { Json, JsonObject } from '../../../contracts/json.js';
import { evaluate } from '../../../expressions/index.js';

export interface ParityCase {
  readonly source: string;
  readonly root: JsonObject;
  readonly bindings: Readonly<Record<string, Json>>;
}

export interface ParityOutcome {
  readonly value?: Json;
  readonly error?: { readonly code: string; readonly message: string; readonly details: Json };
  /** Units of work. */
  readonly spent: number;
}

const PARITY_NOW_MS = 1_714_557_600_000;

export function parityOutcome({ source, root, bindings }: ParityCase): ParityOutcome {
  const meter = { spent: 0 };
  try {
    const value = evaluate(source, { root, bindings, nowMs: PARITY_NOW_MS }, { meter, at: 'steps[0]' });
    return { value, spent: meter.spent };
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return {
      error: { code: error.code, message: error.message, details: error.details ?? null },
      spent: meter.spent,
    };
  }
}
