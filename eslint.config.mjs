import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import importX from 'eslint-plugin-import-x';

const nondeterministic = [
  { name: 'Date', message: 'Take the time from the interpreter clock (clock.ts).' },
  { name: 'process', message: 'Workflow code has no process.' },
  { name: 'setTimeout', message: 'Use a Temporal timer (sleep).' },
  { name: 'setInterval', message: 'Use a Temporal timer (sleep).' },
  { name: 'fetch', message: 'Talk to the world through an activity.' },
  { name: 'crypto', message: 'Use uuid4 from @temporalio/workflow.' },
];

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', '.sluice/', 'expressions/generated/', 'coverage/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      'no-console': 'error',
      curly: ['error', 'multi-line', 'consistent'],
      '@typescript-eslint/no-shadow': 'error',
      '@typescript-eslint/max-params': ['error', { max: 4 }],
      'import-x/order': ['error', { groups: ['builtin', 'external', 'parent', 'sibling', 'index'] }],
    },
  },
  {
    files: ['workflows/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...nondeterministic],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Use the interpreter random source (clock.ts).' },
      ],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: [
                'node:*',
                '@temporalio/client',
                '@temporalio/worker',
                '@temporalio/activity',
                'surrealdb',
              ],
              message: 'Not in a workflow.',
            },
            {
              regex: '^(\\.\\./)+(activities|projections|client|ingress|api|cli|worker|actions)/',
              message: 'Workflows reach the world through activities, imported by type only.',
              allowTypeImports: true,
            },
          ],
        },
      ],
    },
  },
  {
    files: ['workflows/**/clock.ts'],
    rules: { 'no-restricted-globals': 'off', 'no-restricted-properties': 'off' },
  },
  { files: ['cli/**/*.ts', 'worker/main.ts', 'bench/**/*.ts', 'scripts/**'], rules: { 'no-console': 'off' } },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        fetch: 'readonly',
        AbortSignal: 'readonly',
      },
    },
  },
);
