/**
 * Cedar, for everything in this room.
 *
 * Node 20's V8 inlines calls into WebAssembly. When it deoptimizes code with such a call while the code runs,
 * it ends the process ("unreachable code"); a few loads of a thousand policies are enough. Without inlining a
 * call costs nanoseconds more. V8 reads this flag of the process whenever it optimizes a function, so it is
 * set before any of these calls has run.
 */
import { setFlagsFromString } from 'node:v8';
import cedar from '@cedar-policy/cedar-wasm/nodejs';

setFlagsFromString('--no-turbo-inline-js-wasm-calls');

export { cedar };
