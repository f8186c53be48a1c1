/** A process that loads a thousand policies of several kinds, asks, and loads again. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPolicies } from '../../authorization/index.js';

const CONDITIONS = [
  (i: number) => `resource.action == "a-${i}"`,
  (i: number) => `context.actor == "u-${i}"`,
  (i: number) => `["a-${i}", "b-${i}"].contains(resource.action)`,
  (i: number) => `resource.tags.contains("t-${i}")`,
];
const request = {
  ...{ stage: 's-7', action: 'a-7', actionVersion: 1, definition: 'd', definitionVersion: 3, tenant: 't' },
  ...{
    kind: 'action.call' as const,
    environment: 'p',
    region: 'e',
    secrets: [],
    definitionHash: '',
    tags: ['money'],
    actor: 'ada',
    workflowId: 'w',
    runId: 'r',
  },
  ...{ attempt: 1, compensation: false },
};

const directory = await mkdtemp(join(tmpdir(), 'sluice-reloads-'));
try {
  for (let round = 0; round < 8; round++) {
    const condition = CONDITIONS[round % CONDITIONS.length] ?? String;
    const texts = Array.from(
      { length: 1_000 },
      (_, i) => `permit (principal, action, resource) when { ${condition(i)} };`,
    );
    await writeFile(join(directory, 'many.cedar'), texts.join('\n'));
    const policies = await loadPolicies({ directory });
    for (let i = 0; i < 200; i++) policies.decide(request);
  }
} finally {
  await rm(directory, { recursive: true });
}
