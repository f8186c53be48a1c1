/** The event bridge (docs/events.md). */
export { startBridge, type BridgeConfig, type RunningBridge } from './bridge.js';
