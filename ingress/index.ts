/** The event bridge. docs/events.md tells what it does. */
export { startBridge, type BridgeConfig, type RunningBridge } from './bridge.js';
