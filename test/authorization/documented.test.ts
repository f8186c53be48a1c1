/** The policies that docs/authorization.md shows: loaded as they are, and attacked by an author. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPolicies, type Policies } from '../../authorization/index.js';
import { targetOf, type StageRequest } from '../../contracts/authorization.js';

let policies: Policies;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-documented-'));
  const page = await readFile(new URL('../../docs/authorization.md', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/```cedar\n([\s\S]*?)```/g)].map(([, text = '']) => text);
  expect(examples).toHaveLength(1);
  await writeFile(join(directory, 'documented.cedar'), examples.join('\n'));
  policies = await loadPolicies({ directory });
});
afterAll(() => rm(directory, { recursive: true }));

const REVIEWED = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const BASE: StageRequest = {
  stage: 'pay',
  kind: 'action.call',
  action: 'orders.validate',
  actionVersion: 1,
  definition: 'order-fulfilment',
  definitionVersion: 3,
  definitionHash: 'aa',
  tenant: 'acme',
  environment: 'production',
  region: 'eu',
  tags: ['money'],
  secrets: [],
  actor: 'ada',
  workflowId: 'w',
  runId: 'r',
  attempt: 1,
  compensation: false,
};
const http = (url: string, method = 'POST'): Partial<StageRequest> => ({
  action: 'http.request',
  target: targetOf(new URL(url), method),
});

/** What each rule forbids, and what it leaves alone. */
const RULES: readonly (readonly [string, Partial<StageRequest>, Partial<StageRequest>])[] = [
  ['money', { action: 'payments.charge' }, { action: 'payments.charge', actor: 'finance-ada' }],
  ['the tenant', { action: 'shipping.ship', tenant: 'trial' }, { action: 'shipping.ship' }],
  ['hosts', http('https://elsewhere.example'), http('https://API.shipping.example./parcels')],
  ['the scheme', http('http://api.shipping.example'), http('https://api.shipping.example', 'GET')],
  ['a port', http('https://api.shipping.example:8443'), http('https://api.shipping.example:443')],
  [
    'the key at another host',
    { ...http('https://api.shipping.example'), secrets: ['PAYMENT_KEY'] },
    { ...http('https://api.payments.example'), secrets: ['PAYMENT_KEY'] },
  ],
  [
    'the key in another action',
    { action: 'orders.validate', secrets: ['OTHER', 'PAYMENT_KEY'] },
    { action: 'orders.validate', secrets: ['OTHER'] },
  ],
  [
    'payouts',
    { kind: 'event.publish', action: 'event.publish', eventName: 'PAYOUT_DUE' },
    { kind: 'event.publish', action: 'event.publish', eventName: 'ORDER_PAID' },
  ],
  [
    'the books',
    { kind: 'control.callWorkflow', action: 'control.callWorkflow', child: 'close-the-books' },
    { kind: 'control.callWorkflow', action: 'control.callWorkflow', child: 'count-the-books' },
  ],
  [
    'an unreviewed document',
    { action: 'refunds.pay', definitionHash: '' },
    { action: 'refunds.pay', definitionHash: REVIEWED },
  ],
];

/** What an author chooses freely. */
const DISGUISES: Readonly<Record<string, Partial<StageRequest>>> = {
  'as it was': {},
  'another step id': { stage: 'harmless' },
  'no tags': { tags: [] },
  'more tags': { tags: ['reviewed', 'finance'] },
  'a copy of the definition under another id': { definition: 'harmless', definitionHash: 'bb' },
  'another version': { definitionVersion: 1_000_000, definitionHash: 'cc' },
  'as a compensation': { compensation: true },
  'a later attempt': { attempt: 7 },
};

describe('The documented policies', () => {
  it.each(RULES)('an author passes the rule about %s by no other name', (_, forbidden, permitted) => {
    for (const [how, disguise] of Object.entries(DISGUISES)) {
      expect(policies.decide({ ...BASE, ...disguise, ...forbidden }).allowed, how).toBe(false);
    }
    expect(policies.decide({ ...BASE, ...permitted })).toMatchObject({ allowed: true, errors: [] });
  });
});
