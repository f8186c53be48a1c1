/**
 * Cedar, as everything in this room uses it.
 *
 * V8 of Node 20 inlines calls into WebAssembly, and ends the process ("unreachable code" in its deoptimizer) where code
 * with such a call is given up while it runs. A few loads of a thousand policies are enough. Not inlined, a call costs
 * nanoseconds more. The flag is the process's and is read whenever V8 optimizes a function, so it is set before any of
 * these has run.
 */
import { setFlagsFromString } from 'node:v8';
import cedar from '@cedar-policy/cedar-wasm/nodejs';

setFlagsFromString('--no-turbo-inline-js-wasm-calls');

export { cedar };
