import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../contracts/json.js';
import { check, FUNCTIONS } from '../../expressions/index.js';
import type { ParityCase, ParityOutcome } from './support/parity-case.js';
import { parityOutcome } from './support/parity-case.js';
import { activities, withWorker } from './support/sandbox.js';
import type { parityTable } from './support/workflows.js';

const read = <T>(file: string) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as T;
const corpus = read<{ input: JsonObject; groups: { sources: string[] }[] }>('support/corpus.json');
const security = read<{ sources: string[] }[]>('support/security.json');

const OWN = [
  'nowIso()',
  'dateAdd(when, "P1M", "America/New_York")',
  'dateAdd(when, "P1D", "Australia/Lord_Howe")',
  'dateDiff("2024-03-01T00:00:00Z", when, "days", "Europe/Paris")',
  'dateAdd(when, "P1D", "Nowhere/Land")',
  'len(text) == 19 and $item.sku == "tea"',
  '$base64encode("ü") & $base64decode("/w==")',
  '$uppercase("straße ǆ ŉ") & $lowercase("İ")',
  '$match(text, /(?<w>q\\w+)|(b)/)',
  '$contains("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /^(a+)+$/)',
  '($f := function($x){ $f($x) }; $f(1))',
  '($f := function($x){ 1 + $f($x) }; $f(1))',
  '[1..300000]',
];

describe('one table of expressions', () => {
  const cases: ParityCase[] = [
    ...[...corpus.groups, ...security].flatMap(({ sources }) => sources),
    ...OWN,
  ].map((source) => ({ source, root: corpus.input, bindings: { item: { sku: 'tea' } } }));
  for (const { example } of FUNCTIONS) {
    cases.push({ source: example.source, root: example.input, bindings: {} });
  }

  it(
    'every expression has the same outcome at validation, in a workflow, in an activity and here',
    { timeout: 120_000 },
    async () => {
      // The same round trip as from a workflow or an activity.
      const here = JSON.parse(JSON.stringify(cases.map(parityOutcome))) as ParityOutcome[];
      const inActivity = JSON.parse(JSON.stringify(await activities.parityTable(cases))) as ParityOutcome[];
      const inWorkflow = await withWorker((client, taskQueue) =>
        client.workflow.execute<typeof parityTable>('parityTable', {
          taskQueue,
          workflowId: taskQueue,
          args: [cases],
          workflowTaskTimeout: '30 s',
        }),
      );
      expect(inWorkflow).toHaveLength(cases.length);
      for (const [i, { source }] of cases.entries()) {
        expect(inWorkflow[i], source).toEqual(here[i]);
        expect(inActivity[i], source).toEqual(here[i]);
        const [problem] = check(source);
        // Evaluation refuses what validation refuses, with the same message, and never anything else for that
        // reason.
        if (problem) {
          expect(here[i]?.error, source).toMatchObject({
            code: problem.code,
            details: { position: problem.position },
          });
        } else {
          expect(here[i]?.error?.code ?? '', source).not.toBe('EXPRESSION_SYNTAX');
        }
      }
    },
  );
});
