/**
 * The limits of one expression. All count work or sizes, never time, so that an expression that exceeds one
 * fails at the same place in every replay. A different limit changes how running definitions behave: it needs
 * a new semantics version of the interpreter.
 */

/** Units of work of one evaluation: one call or loop turn inside the engine. About 0.4 s at the limit. */
export const MAX_STEPS = 4_000_000;

/**
 * Nested evaluations: calls except tail calls, nested operators and nested values. At this limit an
 * evaluation uses about a third of the main thread's stack, so the stack never overflows first.
 */
export const MAX_DEPTH = 500;

/** Units of work of parsing one expression. */
export const MAX_PARSE_STEPS = 1_000_000;

/** Nesting of an expression's source; operators in a row nest as well. */
export const MAX_PARSE_DEPTH = 300;

/** UTF-16 units of an expression's source. */
export const MAX_SOURCE = 32_768;

/** UTF-16 units of any intermediate text. */
export const MAX_TEXT = 1_048_576;

/** Elements of any intermediate list. */
export const MAX_LIST = 1_048_576;

/** UTF-8 bytes of the JSON of a result. */
export const MAX_OUTPUT = 262_144;

/** Nesting of a result. */
export const MAX_OUTPUT_DEPTH = 500;

/** Instructions of one compiled regular expression. */
export const MAX_REGEX = 10_000;

/** Compiled expressions in the cache, and the UTF-16 units of their sources. */
export const CACHE_ENTRIES = 1_000;
export const CACHE_UNITS = 1_048_576;
