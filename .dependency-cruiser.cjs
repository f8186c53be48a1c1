// The import direction between rooms and inside them. Each room names what it may import; everything else is an error.
// docs/architecture.md maps the rooms; test/docs/rooms.test.ts holds that map against this file.
const rooms = {
  contracts: [],
  expressions: ['contracts'],
  definitions: ['contracts', 'expressions'],
  workflows: ['contracts', 'expressions'],
  actions: ['contracts'],
  projections: ['contracts'],
  authorization: ['contracts'],
  activities: ['contracts', 'expressions', 'definitions', 'actions', 'projections'],
  client: ['contracts', 'definitions', 'projections'],
  ingress: ['contracts', 'expressions', 'definitions', 'projections', 'client'],
  api: ['contracts', 'expressions', 'definitions', 'projections', 'client', 'ingress'],
  cli: [
    'contracts',
    'authorization',
    'expressions',
    'definitions',
    'projections',
    'client',
    'ingress',
    'api',
    'worker',
  ],
  worker: [
    'contracts',
    'expressions',
    'definitions',
    'workflows',
    'actions',
    'projections',
    'authorization',
    'activities',
    'client',
    'ingress',
    'api',
    'examples',
  ],
  examples: ['actions'],
};
/**
 * Inner rooms: the folders of a room, each with the folders of the same room that its own files may import.
 * Files at the top of a room compose its folders and may import them all.
 */
const inner = {
  'actions/registry': [],
  'actions/core': ['actions/registry'],
  'actions/http': ['actions/registry'],

  'activities/boundary': [],
  'activities/events': ['activities/boundary'],
  'activities/action': ['activities/boundary', 'activities/events'],

  'api/auth': [],
  'api/http': ['api/auth'],
  'api/views': [],
  'api/routes': ['api/auth', 'api/http', 'api/views'],

  'cli/terminal': [],
  'cli/context': ['cli/terminal'],
  'cli/doctor': ['cli/terminal'],
  'cli/commands/definitions': ['cli/terminal'],
  'cli/commands/runs': ['cli/terminal'],
  'cli/commands/events': ['cli/terminal'],
  'cli/commands/processes': ['cli/terminal', 'cli/commands/definitions'],
  'cli/commands/maintenance': ['cli/terminal', 'cli/doctor'],
  'cli/groups': [
    'cli/terminal',
    'cli/context',
    'cli/commands/definitions',
    'cli/commands/runs',
    'cli/commands/events',
    'cli/commands/processes',
    'cli/commands/maintenance',
  ],

  'client/events': [],
  'client/reads': [],
  'client/redaction': [],
  'client/connection': ['client/events', 'client/reads'],
  'client/runs': ['client/connection', 'client/reads', 'client/redaction'],

  // The files at the top of contracts/ (errors, limits, JSON) have no imports of their own: its folders use them.
  'contracts/run': ['contracts'],
  'contracts/events': ['contracts', 'contracts/run'],
  'contracts/definition': ['contracts', 'contracts/run', 'contracts/events'],
  'contracts/http': ['contracts', 'contracts/run'],

  'definitions/source': [],
  'definitions/rules': ['definitions/source'],

  'examples/actions': [],

  'expressions/budget': [],
  'expressions/regex': ['expressions/budget'],
  'expressions/metering': ['expressions/budget', 'expressions/regex'],
  'expressions/dates': ['expressions/budget', 'expressions/metering'],
  'expressions/functions': [],
  'expressions/generated': ['expressions/metering'],
  'expressions/engine': [
    'expressions/budget',
    'expressions/metering',
    'expressions/dates',
    'expressions/functions',
    'expressions/generated',
  ],

  'ingress/routing': [],
  'ingress/sources': ['ingress/routing'],

  'projections/connection': [],
  'projections/migrations': ['projections/connection'],
  'projections/log': ['projections/connection'],
  'projections/domain': ['projections/connection', 'projections/log'],
  'projections/reads/runs': ['projections/connection', 'projections/log'],
  'projections/reads/events': ['projections/connection', 'projections/log', 'projections/reads/runs'],
  'projections/reads': [
    'projections/connection',
    'projections/log',
    'projections/reads/runs',
    'projections/reads/events',
  ],
  'projections/commit': [
    'projections/connection',
    'projections/log',
    'projections/domain',
    'projections/reads/runs',
  ],
  'projections/writers': [
    'projections/connection',
    'projections/log',
    'projections/domain',
    'projections/commit',
  ],
  'projections/writers/actions': [
    'projections/connection',
    'projections/log',
    'projections/domain',
    'projections/commit',
  ],
  'projections/writers/events': ['projections/connection', 'projections/log', 'projections/reads/events'],
  'projections/maintenance': [
    'projections/connection',
    'projections/log',
    'projections/reads/runs',
    'projections/commit',
    'projections/writers',
  ],
  'projections/reconcile': [
    'projections/connection',
    'projections/log',
    'projections/domain',
    'projections/reads/runs',
    'projections/commit',
  ],

  'worker/config': [],
  'worker/secrets': ['worker/config'],
  'worker/temporal': ['worker/config'],
  'worker/temporal-server': ['worker/config'],
  'worker/reconciler': [],
  'worker/processes': ['worker/config', 'worker/secrets', 'worker/temporal', 'worker/reconciler'],
  'worker/dev-stack': [
    'worker/config',
    'worker/secrets',
    'worker/temporal',
    'worker/temporal-server',
    'worker/reconciler',
    'worker/processes',
  ],

  'workflows/runtime': [],
  'workflows/interpreter/state': ['workflows/runtime'],
  'workflows/interpreter/events': ['workflows/runtime', 'workflows/interpreter/state'],
  'workflows/interpreter/lane': ['workflows/runtime', 'workflows/interpreter/state'],
  'workflows/interpreter/run': [
    'workflows/runtime',
    'workflows/interpreter/state',
    'workflows/interpreter/events',
    'workflows/interpreter/lane',
  ],
  'workflows/interpreter/surface': [
    'workflows/runtime',
    'workflows/interpreter/state',
    'workflows/interpreter/lane',
    'workflows/interpreter/run',
  ],
  'workflows/interpreter/compensation': [
    'workflows/runtime',
    'workflows/interpreter/state',
    'workflows/interpreter/events',
    'workflows/interpreter/lane',
    'workflows/interpreter/run',
  ],
  'workflows/interpreter/steps': [
    'workflows/runtime',
    'workflows/interpreter/state',
    'workflows/interpreter/lane',
    'workflows/interpreter/run',
    'workflows/interpreter/compensation',
  ],
  'workflows/interpreter': [
    'workflows/runtime',
    'workflows/interpreter/state',
    'workflows/interpreter/events',
    'workflows/interpreter/lane',
    'workflows/interpreter/run',
    'workflows/interpreter/surface',
    'workflows/interpreter/compensation',
    'workflows/interpreter/steps',
  ],
};
const packages = {
  contracts: ['zod'],
  expressions: ['jsonata', 'tinyduration'],
  definitions: ['yaml', 'jsonc-parser', 'ajv', 'ajv-formats', 'zod'],
  authorization: ['@cedar-policy/cedar-wasm'],
  workflows: ['@temporalio/workflow', '@temporalio/common', '@noble/hashes'],
  projections: ['surrealdb', '@surrealdb/node', 'ws', 'zod'],
};
const names = Object.keys(rooms);
const direction = names.map((room) => ({
  name: `${room}-imports`,
  severity: 'error',
  comment: `${room}/ may import only ${rooms[room].join(', ') || 'nothing'} of the other rooms`,
  from: { path: `^${room}/` },
  to: {
    path: `^(${[...names, 'test', 'bench', 'scripts'].join('|')})/`,
    pathNot: `^(${[room, ...rooms[room]].join('|')})/`,
    // architecture.md: workflows/ may name the types of activities/, which leave no trace in the bundle.
    ...(room === 'workflows' ? { dependencyTypesNot: ['type-only'] } : {}),
  },
}));
/** The files that stand in a folder itself, as a pattern. */
const filesOf = (folder) => `${folder}/[^/]+`;
const innerDirection = Object.entries(inner).map(([folder, allowed]) => ({
  name: `${folder.replaceAll('/', '-')}-imports`,
  severity: 'error',
  comment: `${folder}/ may import only ${allowed.join(', ') || 'nothing'} of its own room`,
  from: { path: `^${filesOf(folder)}$` },
  to: { path: `^${folder.split('/')[0]}/`, pathNot: `^(${[folder, ...allowed].map(filesOf).join('|')})$` },
}));
const packageRules = Object.entries(packages).map(([room, allowed]) => ({
  name: `${room}-packages`,
  severity: 'error',
  from: { path: `^${room}/` },
  to: {
    path: 'node_modules/',
    pathNot: `node_modules/(${allowed.join('|')})/`,
  },
}));
module.exports = {
  forbidden: [
    ...direction,
    ...innerDirection,
    ...packageRules,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'workflows-no-node',
      severity: 'error',
      from: { path: '^(workflows|contracts|expressions)/' },
      to: { dependencyTypes: ['core'] },
    },
    { name: 'unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.sluice)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
