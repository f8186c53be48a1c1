/** SurrealDB: the only room that speaks SurrealQL. docs/projections.md tells what it guarantees. */
export { connect, type Database, type DatabaseOptions } from './connection.js';
export { openProjections, type Projections, type ProjectionsOptions } from './open.js';
export type { FaultPoint, Faults } from './unit-of-work.js';
