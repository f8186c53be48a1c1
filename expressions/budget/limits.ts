/**
 * The bounds of one expression. All are counts of work or sizes, never time, so that an expression that passes
 * one fails at the same place in every replay. Changing one changes how running definitions behave: it needs a
 * new semantics version of the interpreter.
 */

/** Units of work of one evaluation: one call or loop turn inside the engine. About 0.4 s at the limit. */
export const MAX_STEPS = 4_000_000;

/**
 * Nested evaluations: calls that are no tail calls, nested operators and nested values. The deepest use of the
 * stack that this allows is about a third of the main thread's, so the stack itself never decides.
 */
export const MAX_DEPTH = 500;

/** Units of work of parsing one expression. */
export const MAX_PARSE_STEPS = 1_000_000;

/** Nesting of an expression's source; operators in a row nest as well. */
export const MAX_PARSE_DEPTH = 300;

/** UTF-16 units of an expression's source. */
export const MAX_SOURCE = 32_768;

/** UTF-16 units of any text that an expression makes on its way. */
export const MAX_TEXT = 1_048_576;

/** Elements of any list that an expression makes on its way. */
export const MAX_LIST = 1_048_576;

/** UTF-8 bytes of the JSON of a result. */
export const MAX_OUTPUT = 262_144;

/** Nesting of a result. */
export const MAX_OUTPUT_DEPTH = 500;

/** Instructions of one compiled regular expression. */
export const MAX_REGEX = 10_000;

/** Compiled expressions kept, and the UTF-16 units of their sources. */
export const CACHE_ENTRIES = 1_000;
export const CACHE_UNITS = 1_048_576;
