/**
 * Makes the SDK's notes on promises cheap.
 *
 * The SDK notes where each promise of a workflow is made, for the stack trace query. For each promise it
 * compiles functions of two known sources through the constructor of the promise's constructor, and writes
 * out ten frames of a stack through the source map. Both together cost more than the rest of an action's
 * step.
 *
 * Invariants
 * - The two sources get functions that do what compiled ones would: read a global of the workflow's realm, at
 *   the time of the call. Any other source gets Function itself.
 * - Function, and every other constructor's constructor, stays what it was.
 * - A workflow can observe no difference except the length of stacks, and nothing depends on that.
 */

/** The globals of a workflow's realm that this module uses. */
export interface Realm {
  readonly Promise: object;
  readonly Function: FunctionConstructor;
  readonly Error: ErrorConstructor;
}

/** Stack frames that a note keeps; the first two are the SDK's, where it makes the promise. */
const FRAMES = 5;

/** Makes the notes on the promises of a realm cheap. */
export function cheapenPromiseNotes(realm: Realm): void {
  const compiled = new Map(SOURCES.map((source) => [source, realm.Function(source) as () => unknown]));
  Object.defineProperty(realm.Promise, 'constructor', {
    value: new Proxy(realm.Function, {
      apply: (target, self, args: readonly string[]): unknown =>
        (args.length === 1 ? compiled.get(args[0] ?? '') : undefined) ?? Reflect.apply(target, self, args),
    }),
    enumerable: false,
    writable: true,
    configurable: true,
  });
  realm.Error.stackTraceLimit = FRAMES;
}

/**
 * Sources as @temporalio/worker writes them (lib/workflow/vm-shared.js); any other source is compiled as
 * before.
 */
const SOURCES = ['return globalThis.__TEMPORAL_ACTIVATOR__', 'return globalThis.Error'];
