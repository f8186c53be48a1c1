import type { Json, JsonObject } from '../../contracts/json.js';

/** One function that an expression may call. */
export interface FunctionEntry {
  /** Without `$`. */
  readonly name: string;
  /** `helper`: Sluice's own, which may be called without `$`. `built-in`: JSONata's. */
  readonly kind: 'helper' | 'built-in';
  /** How a call is written; optional arguments end in `?`. */
  readonly signature: string;
  readonly description: string;
  /** Evaluated by a test, at 2024-05-01T10:00:00Z. */
  readonly example: { readonly source: string; readonly input: JsonObject; readonly result: Json };
}
