/** What an author of actions imports, and what a worker needs to run actions. */
import type { ActionDefinition } from '../contracts/run/action.js';
import { coreActions } from './core/core-actions.js';
import { createHttpRequest, type HttpRequestOptions } from './http/http-request.js';

export type { ActionContext } from '../contracts/run/action.js';
export { SluiceError } from '../contracts/errors.js';
export { defineAction, isAction } from './registry/define-action.js';
export { type ActionRegistry, createActionRegistry } from './registry/registry.js';

/** Settings of the built-in actions. */
export interface BuiltInOptions {
  readonly http: HttpRequestOptions;
}

/** The actions that every worker has: `core.*` and `http.request`. */
export function builtInActions(options: BuiltInOptions): readonly ActionDefinition[] {
  return [...coreActions, createHttpRequest(options.http)];
}
