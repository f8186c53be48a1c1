import type { Json, JsonObject } from '../../contracts/json.js';

/** One function that an expression may call. */
export interface FunctionEntry {
  /** Without `$`. */
  readonly name: string;
  /** `helper`: a function of Sluice, which may be called without `$`. `built-in`: a function of JSONata. */
  readonly kind: 'helper' | 'built-in';
  /** The syntax of a call; optional arguments end in `?`. */
  readonly signature: string;
  readonly description: string;
  /** A test evaluates it at 2024-05-01T10:00:00Z. */
  readonly example: { readonly source: string; readonly input: JsonObject; readonly result: Json };
}
