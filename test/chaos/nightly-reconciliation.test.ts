import { describe, it } from 'vitest';
import { type GoesDown, goesDown, type Kind, killed, stopped } from './goes-down.js';

const LIMIT_MS = 600_000;

const night: Kind = {
  start: ({ client }, workflowId) =>
    client.start(
      'nightly-reconciliation',
      { date: '2026-03-01', recordCount: 24, corruptEvery: 7 },
      { workflowId },
    ),
};

const nightly: Omit<GoesDown, 'down'> = {
  files: ['examples/account-reconciliation.yaml', 'examples/nightly-reconciliation.yaml'],
  undisturbed: { night },
  disturbed: {
    'the records are fetched': {
      kind: night,
      like: 'night',
      at: ({ point, action }) => point === 'acts' && action === 'ledger.fetchRecords',
    },
    'eight records are matched': {
      kind: night,
      like: 'night',
      at: ({ point, action, iteration }) =>
        point === 'acts' && action === 'ledger.matchRecord' && (iteration[0] ?? 0) >= 8,
      held: 8,
    },
    'four accounts are reconciled': {
      kind: night,
      like: 'night',
      at: ({ point, action }) => point === 'acted' && action === 'ledger.fetchBalance',
      held: 4,
    },
  },
};

describe('nightly-reconciliation and its children [deployments-fail-no-run]', () => {
  it(
    'the runs end as undisturbed ones when their worker is killed in lanes and children, without a retry policy',
    () => goesDown({ ...nightly, change: { retry: false }, down: killed }),
    LIMIT_MS,
  );

  it(
    'the runs end as undisturbed ones when a deployment stops their worker at the same points',
    () => goesDown({ ...nightly, down: stopped }),
    LIMIT_MS,
  );
});
