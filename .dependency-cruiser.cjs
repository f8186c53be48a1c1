// The import direction between rooms. Each room names the rooms it may import; everything else is an error.
// docs/architecture.md has the table that this file enforces.
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
const packageRules = Object.entries(packages).map(([room, allowed]) => ({
  name: `${room}-packages`,
  severity: 'error',
  from: { path: `^${room}/` },
  to: {
    path: 'node_modules/',
    pathNot: `node_modules/(${allowed.map((p) => p.replace('/', '/')).join('|')})/`,
  },
}));
module.exports = {
  forbidden: [
    ...direction,
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
