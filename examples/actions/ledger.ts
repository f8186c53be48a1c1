import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import { idOf, pretendToWork } from './pretend.js';

const ACCOUNTS = 10;
/** Accounts whose balance is less than the sum of their records, and by how many cents. */
const SHORT_BY: ReadonlyMap<string, number> = new Map([
  ['acc-7', 1],
  ['acc-9', 100_000],
]);

const LedgerRecord = z.object({
  id: z.string(),
  accountId: z.string(),
  amountCents: z.int(),
  corrupt: z.boolean(),
});

export const fetchRecords = defineAction({
  id: 'ledger.fetchRecords',
  version: 1,
  description: "Gets a day's records.",
  input: z.strictObject({
    date: z.string(),
    count: z.int().nonnegative().max(1_000),
    corruptEvery: z.int().nonnegative(),
  }),
  output: z.object({ records: z.array(LedgerRecord) }),
  async run({ count, corruptEvery }, context) {
    await pretendToWork(context, 40);
    const records = Array.from({ length: count }, (_, index) => {
      const n = index + 1;
      const corrupt = corruptEvery > 0 && n % corruptEvery === 0;
      return { id: `rec-${n}`, accountId: `acc-${n % ACCOUNTS}`, amountCents: n * 100, corrupt };
    });
    return { records };
  },
});

export const matchRecord = defineAction({
  id: 'ledger.matchRecord',
  version: 1,
  description: 'Matches one record to its account.',
  input: z.strictObject({ record: LedgerRecord }),
  output: z.object({ recordId: z.string(), accountId: z.string(), amountCents: z.int() }),
  async run({ record: { id, accountId, amountCents, corrupt } }, context) {
    await pretendToWork(context, 5);
    if (corrupt) {
      throw new SluiceError('RECORD_CORRUPT', `Record ${id} can't be read`, {
        retryable: false,
        details: { recordId: id },
      });
    }
    return { recordId: id, accountId, amountCents };
  },
});

export const fetchBalance = defineAction({
  id: 'ledger.fetchBalance',
  version: 1,
  description: "Gets an account's balance.",
  input: z.strictObject({ accountId: z.string(), date: z.string(), expectedCents: z.int() }),
  output: z.object({ accountId: z.string(), balanceCents: z.int() }),
  async run({ accountId, expectedCents }, context) {
    await pretendToWork(context, 20);
    return { accountId, balanceCents: expectedCents - (SHORT_BY.get(accountId) ?? 0) };
  },
});

export const reconcile = defineAction({
  id: 'ledger.reconcile',
  version: 1,
  description: 'Books the difference between the expected amount and the balance.',
  input: z.strictObject({
    accountId: z.string(),
    date: z.string(),
    expectedCents: z.int(),
    balanceCents: z.int(),
  }),
  output: z.object({ entryId: z.string(), differenceCents: z.int() }),
  async run({ expectedCents, balanceCents }, context) {
    await pretendToWork(context, 20);
    return { entryId: idOf('ent', context), differenceCents: expectedCents - balanceCents };
  },
});
