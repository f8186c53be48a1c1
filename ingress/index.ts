/** The event bridge (docs/events.md). */
export { connectedGauges, unreadableGauge, type ConnectedGauges } from './routing/metrics.js';
export { RereadFile } from './sources/reread-file.js';
export { startBridge, type BridgeConfig, type RunningBridge } from './bridge.js';
