/**
 * Modules that the runs of a worker share: schemas, definitions and the expression engine, loaded once for
 * each isolate instead of once for each run (worker/temporal/workflow-bundle.ts). Making the schemas is most
 * of the cost of loading the workflows, and they hold nothing that belongs to a run.
 *
 * Invariants
 * - No module that is loaded here keeps anything of a run. Caches (compiled expressions, what a schema
 *   computes at its first use) give the same answer empty and full.
 * - Temporal freezes the exports of shared modules, deeply; a schema that computes something at its first use
 *   would then fail. It skips objects that are frozen already, so each module of schemas is frozen here, and
 *   its schemas are not. That covers all of contracts/, so that no module can be forgotten.
 * - Notes on promises are cheap once this module has run: promise-notes.ts.
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
    /**
     * All modules of a directory; the bundler provides it.
     * https://webpack.js.org/api/module-methods/#importmetawebpackcontext
     */
    webpackContext(
      directory: string,
      options: { readonly recursive: boolean; readonly regExp: RegExp },
    ): ModuleContext;
  }
}

// The bundler's context leaves out subdirectories, even if it is recursive, so each directory has a context
// here. A test finds a missing one.
for (const contracts of [
  import.meta.webpackContext('../contracts', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/calendar', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/definition', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/events', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/naming', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/reading', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/tasks', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/run', { recursive: false, regExp: /\.ts$/ }),
  import.meta.webpackContext('../contracts/http', { recursive: false, regExp: /\.ts$/ }),
]) {
  for (const key of contracts.keys()) Object.freeze(contracts(key));
}

cheapenPromiseNotes(globalThis);
