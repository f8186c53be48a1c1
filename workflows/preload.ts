/**
 * What the runs of a worker share: schemas, definitions and the expression engine, loaded once for each isolate instead of
 * once for each run (worker/temporal/workflow-bundle.ts). Making the schemas is most of what loading the workflows
 * costs, and a run has nothing of its own in them.
 *
 * Invariants
 * - Nothing that is loaded here keeps anything of a run. Caches (compiled expressions, what a schema works out
 *   at its first use) give the same answer empty and full.
 * - Temporal freezes what shared modules export, and all that hangs on it; a schema that works something out
 *   at its first use would then fail. It leaves alone what is frozen already, so each module of schemas is
 *   frozen here, and its schemas are not. All of contracts/ is, so that none can be forgotten.
 * - Notes on promises are cheap from here on: promise-notes.ts.
 */
import '../expressions/index.js';
import './interpreter/state/definitions.js';
import { cheapenPromiseNotes } from './promise-notes.js';

interface ModuleContext {
  (key: string): object;
  keys(): readonly string[];
}

declare global {
  interface ImportMeta {
    /** The bundler's: all modules of a directory. https://webpack.js.org/api/module-methods/#importmetawebpackcontext */
    webpackContext(
      directory: string,
      options: { readonly recursive: boolean; readonly regExp: RegExp },
    ): ModuleContext;
  }
}

// The bundler's context leaves out the directories inside its own, also a recursive one: each directory has its own
// here. A test looks whether one is missing.
for (const contracts of [
  import.meta.webpackContext('../contracts', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/definition', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/events', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/run', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/http', { recursive: false, regExp: /\.ts$/ }),
]) {
  for (const key of contracts.keys()) Object.freeze(contracts(key));
}

cheapenPromiseNotes(globalThis);
