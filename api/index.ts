/** The HTTP API (docs/api.md). */
export type { AuthConfig } from './auth/authenticator.js';
export { makeKey, readKeyFile } from './auth/keys.js';
export type { ApiConfig } from './http/deps.js';
export { startApi, type RunningApi } from './server.js';
