/**
 * What the notes on promises cost.
 *
 * The SDK notes where each promise of a workflow is made, for the stack trace query. For each it compiles functions
 * of two known sources through the constructor of the promise's constructor, and writes out ten frames of a stack
 * through the source map. Both together cost more than the rest of an action's step.
 *
 * Invariants
 * - The two sources get functions that do what compiled ones would: read a global of the workflow's own realm, at the
 *   time of the call. Anything else gets Function itself.
 * - Function, and every other constructor's constructor, is what it was.
 * - No workflow can observe a difference but in the length of stacks, which nothing decides by.
 */

/** What of a workflow's realm is needed here. */
export interface Realm {
  readonly Promise: object;
  readonly Function: FunctionConstructor;
  readonly Error: ErrorConstructor;
}

/** Two of them are the SDK's own, when a promise is made. */
const FRAMES = 5;

/** Makes the notes on the promises of a realm cheap. */
export function cheapenPromiseNotes(realm: Realm): void {
  const known = new Map(SOURCES.map((source) => [source, realm.Function(source) as () => unknown]));
  Object.defineProperty(realm.Promise, 'constructor', {
    value: new Proxy(realm.Function, {
      apply: (target, self, args: readonly string[]): unknown =>
        (args.length === 1 ? known.get(args[0] ?? '') : undefined) ?? Reflect.apply(target, self, args),
    }),
    enumerable: false,
    writable: true,
    configurable: true,
  });
  realm.Error.stackTraceLimit = FRAMES;
}

/** As @temporalio/worker writes them (lib/workflow/vm-shared.js); were they others, they would be compiled as before. */
const SOURCES = ['return globalThis.__TEMPORAL_ACTIVATOR__', 'return globalThis.Error'];
