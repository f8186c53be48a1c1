/**
 * Tests the API against its OpenAPI document with a property-based tester (schemathesis): for any input, no
 * answer is a 5xx, and no answer has a status, content type or body that is not documented.
 *
 * It is a program of Python's, kept in a virtual environment of Sluice's cache directory. Where there is no
 * Python this test is skipped; CI has one (.ci/run).
 */
import { existsSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { cacheDirectory } from '../../worker/executables/cache-directory.js';
import { runCommand } from '../support/command.js';
import { needs } from '../support/requirements.js';
import { useApi } from './support/api.js';

const VERSION = '4.32.5';
const PYTHON = 'python3';
const INSTALL_LIMIT_MS = 300_000;
const RUN_LIMIT_MS = 180_000;
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'unsupported_method',
];

const bus = { publish: () => Promise.resolve() };
const api = useApi({ bus });

/** The program; installs it where it is missing. */
async function schemathesis(): Promise<string> {
  const directory = join(cacheDirectory(process.env), `schemathesis-${VERSION}`);
  const program = join(directory, 'bin', 'schemathesis');
  if (existsSync(program)) return program;
  mkdirSync(directory, { recursive: true });
  for (const [command, ...args] of [
    [PYTHON, '-m', 'venv', directory],
    [
      join(directory, 'bin', 'pip'),
      'install',
      '--quiet',
      '--disable-pip-version-check',
      `schemathesis==${VERSION}`,
    ],
  ] as const) {
    const { code, stderr } = await runCommand(command, args);
    if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  }
  return program;
}

/** What it sends has lines of any length. */
function shortened(text: string): string {
  return text
    .split('\n')
    .map((line) => line.slice(0, 400))
    .join('\n')
    .slice(-20_000);
}

it(
  'every answer of the API conforms to its document, for any input',
  { timeout: INSTALL_LIMIT_MS + RUN_LIMIT_MS, ...needs('python') },
  async () => {
    const program = await schemathesis();
    const source =
      'id: waiting\nversion: 1\nsteps:\n  - { id: ask, type: event.wait, eventName: GO, correlationKey: k }\n';
    await api().ask('/v1/definitions', { json: { source } });
    const run = await api().answer(z.object({ runId: z.string(), workflowId: z.string() }), '/v1/runs', {
      json: { definition: 'waiting' },
    });
    const { tenant, projections } = api().sluice;
    const letter = {
      kind: 'event',
      subject: 'GO',
      reason: 'test',
      retryWith: { envelope: {} },
      at: 0,
    } as const;
    await projections.deadLetters.put([{ ...letter, id: 'letter-1', tenant }]);
    const directory = await mkdtemp(join(tmpdir(), 'sluice-contract-'));
    const config = join(directory, 'schemathesis.toml');
    await writeFile(
      config,
      `[parameters]
"path.runId" = "${run.runId}"
"path.definitionId" = "waiting"
"path.deadLetterId" = "letter-1"
"header.Sluice-Tenant" = "${tenant}"
`,
    );
    const result = await runCommand(
      program,
      [
        '--config-file',
        config,
        'run',
        `${api().url}/openapi.json`,
        '--header',
        `Authorization: Bearer ${api().token.everywhere}`,
        '--checks',
        CHECKS.join(','),
        '--phases',
        'examples,coverage,fuzzing',
        '--max-examples',
        '5',
        '--seed',
        '7',
        '--workers',
        '1',
        '--generation-deterministic',
        '--request-timeout',
        '10',
        '--suppress-health-check',
        'all',
        '--no-color',
      ],
      { cwd: directory },
    );
    expect(result.code, `${shortened(result.stdout)}\n${shortened(result.stderr)}`).toBe(0);
    expect(api().log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
    await rm(directory, { recursive: true });
    await api()
      .sluice.client.terminate(run.workflowId)
      .catch(() => undefined);
  },
);
