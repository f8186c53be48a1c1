/** Every route under /v1. */
import type { Api } from '../http/operation.js';
import { addAuditRoute } from './audit.js';
import { addBulkRoutes } from './bulk.js';
import { addDeadLetterRoutes } from './dead-letters.js';
import { addDefinitionRoutes } from './definitions.js';
import { addEventRoutes } from './events.js';
import { addFunctionRoutes } from './functions.js';
import { addLegacyRoutes } from './legacy.js';
import { addRunActRoutes } from './run-acts.js';
import { addRunRoutes } from './runs.js';
import { addTaskRoutes } from './tasks/show.js';
import { addCalendarRoutes } from './tasks/calendars.js';
import { addTaskActRoutes } from './tasks/act.js';
import { addTimelineRoute } from './timeline.js';

export function addRoutes(api: Api): void {
  addDefinitionRoutes(api);
  addRunRoutes(api);
  addTimelineRoute(api);
  addRunActRoutes(api);
  addBulkRoutes(api);
  addLegacyRoutes(api);
  addDeadLetterRoutes(api);
  addTaskRoutes(api);
  addTaskActRoutes(api);
  addCalendarRoutes(api);
  addEventRoutes(api);
  addAuditRoute(api);
  addFunctionRoutes(api);
}
