// The import direction between rooms and inside them. scripts/lib/rooms.cjs names what each may import;
// everything else is an error. docs/architecture.md maps the rooms; test/docs/rooms.test.ts compares the two.
const { inner, rooms } = require('./scripts/lib/rooms.cjs');
const packages = {
  contracts: ['zod'],
  expressions: ['jsonata', 'tinyduration'],
  definitions: ['yaml', 'jsonc-parser', 'ajv', 're2js', 'tsx', 'ajv-formats', 'zod'],
  authorization: ['@cedar-policy/cedar-wasm'],
  encryption: ['@temporalio/common', '@temporalio/proto', 'zod'],
  workflows: ['@temporalio/workflow', '@temporalio/common', '@noble/hashes'],
  projections: ['canonicalize', 'surrealdb', '@surrealdb/node', 'ws', 'zod'],
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
/** The files directly in a folder, as a pattern. */
const filesOf = (folder) => `${folder}/[^/]+`;
const innerDirection = Object.entries(inner).map(([folder, allowed]) => ({
  name: `${folder.replaceAll('/', '-')}-imports`,
  severity: 'error',
  comment: `${folder}/ may import only ${allowed.join(', ') || 'nothing'} of the same room`,
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
