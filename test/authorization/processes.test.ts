/** Policies of a worker process and of the `sluice` command. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../support/command.js';
import { suiteBundle, suiteTemporal } from '../support/services.js';
import { waitFor } from '../support/wait-for.js';
import { startMain } from '../worker/main-process.js';

let directory: string;
beforeAll(async () => void (await suiteBundle()));
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'sluice-policy-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const policy = (name: string, text: string): void => writeFileSync(join(directory, name), text);

describe('a worker', () => {
  it.each([
    ['an empty directory', undefined, 'has no *.cedar file'],
    ['an invalid policy', 'permit (principal, action, resource);\npermit (principal', 'bad.cedar:2'],
  ])('a worker does not start with %s', async (_, text, shown) => {
    if (text !== undefined) policy('bad.cedar', text);
    const worker = startMain({ SLUICE_CEDAR_POLICY_DIR: directory });
    expect(await worker.exited).toBe(1);
    expect(worker.lines().at(-1)).toMatchObject({
      level: 'fatal',
      code: 'POLICY_INVALID',
      msg: expect.stringContaining(shown) as string,
    });
  });

  it('a worker reads the policies again on SIGHUP, all or nothing, and logs which are in force', async () => {
    policy('a.cedar', 'permit (principal, action, resource);');
    const { address, namespace } = await suiteTemporal();
    const worker = startMain({
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      SLUICE_TASK_QUEUE: 'policies-of-a-process',
      SLUICE_CEDAR_POLICY_DIR: directory,
    });
    const says = (msg: string) => waitFor(() => worker.lines().find((line) => line.msg.startsWith(msg)));
    await says('The worker polls');
    expect(await says('Actions are authorized by policies')).toMatchObject({
      policies: 1,
      files: ['a.cedar'],
    });
    policy('b.cedar', 'forbid (principal');
    worker.child.kill('SIGHUP');
    expect(await says('The policies stay unchanged: b.cedar:1')).toMatchObject({ code: 'POLICY_INVALID' });
    policy('b.cedar', 'forbid (principal, action, resource == Stage::"pay");');
    worker.child.kill('SIGHUP');
    expect(await says('The policies were reloaded')).toMatchObject({ policies: 2 });
    worker.child.kill('SIGTERM');
    expect(await worker.exited).toBe(0);
  });

  it('a worker without a directory logs that authorization is off', async () => {
    const worker = startMain({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect(await worker.exited).toBe(1);
    expect(worker.lines()).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        msg: expect.stringContaining('Authorization is off') as string,
      }),
    );
  });
});

describe('sluice policy check', () => {
  const BIN = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
  const check = (...args: string[]) =>
    runCommand(process.execPath, [
      BIN,
      'policy',
      'check',
      join(directory, 'd.yaml'),
      '--dir',
      directory,
      ...args,
    ]);

  it('sluice policy check shows the decision about every step that acts, without running any', async () => {
    policy(
      'a.cedar',
      `permit (principal == User::"ada", action, resource);
permit (principal, action, resource) when { resource.action == "core.log" };
forbid (principal, action, resource) when { resource.tags.contains("money") && !context.compensation };
forbid (principal, action, resource) when { resource.eventName == "PAID" };`,
    );
    writeFileSync(
      join(directory, 'd.yaml'),
      `id: checked
version: 1
steps:
  - { id: note, type: action.call, action: core.log, input: { message: x } }
  - id: pay
    type: action.call
    action: core.echo
    tags: [money]
    compensate: { action: core.echo }
  - { id: tell, type: event.publish, eventName: PAID }
  - { id: child, type: control.callWorkflow, workflow: other }
`,
    );
    const ada = await check('--principal', 'User::"ada"');
    expect(ada.stdout.trim().split('\n')).toEqual([
      'permit  note  core.log  a.cedar:1, a.cedar:2',
      'DENY    pay  core.echo  a.cedar:3',
      'permit  pay (compensation)  core.echo  a.cedar:1',
      'DENY    tell  event.publish PAID  a.cedar:4',
      'permit  child  control.callWorkflow other  a.cedar:1',
    ]);
    expect(ada.code).toBe(1);
    const service = await check('--json');
    expect(
      service.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { stage: 'note', allowed: true, principal: 'Service::"sluice-orchestrator"' },
      { stage: 'pay', allowed: false, policies: ['a.cedar:3'] },
      { stage: 'pay', compensation: true, allowed: false, policies: [] },
      { stage: 'tell', action: 'event.publish', eventName: 'PAID', allowed: false },
      { stage: 'child', action: 'control.callWorkflow', child: 'other', allowed: false },
    ]);
  });

  it('sluice policy check refuses an invalid principal, and a directory without policies', async () => {
    writeFileSync(join(directory, 'd.yaml'), 'id: checked\nversion: 1\nsteps: []\n');
    expect(await check()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('POLICY_INVALID') as string,
    });
    policy('a.cedar', 'permit (principal, action, resource);');
    expect(await check('--principal', 'ada')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('ada is not a principal') as string,
    });
  });
});
