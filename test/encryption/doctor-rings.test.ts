/** `sluice doctor` says whether a worker has the same rings, on a real worker. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doctorCommand } from '../../cli/commands/maintenance/doctor.js';
import { Terminal } from '../../cli/terminal/terminal.js';
import type { Json } from '../../contracts/json.js';
import { claimingConverter, encryptingConverter, KeyRing, newKey } from '../../encryption/index.js';
import { useSluice } from '../support/sluice.js';

const fileOf = (since?: string) => ({
  ...{ current: 'k1', keys: { k1: newKey() }, index: newKey() },
  ...(since !== undefined && { since }),
});
const rings = {
  payloads: fileOf(),
  claims: fileOf(),
  other: fileOf(),
  later: fileOf('2999-01-01T00:00:00Z'),
};
let directory: string;
const path = (name: keyof typeof rings) => join(directory, `${name}.json`);
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-doctor-rings-'));
  for (const [name, ring] of Object.entries(rings)) {
    await writeFile(join(directory, `${name}.json`), JSON.stringify(ring));
  }
});
afterAll(() => rm(directory, { recursive: true }));

class Listening extends Terminal {
  readonly found: Record<string, Record<string, string>> = {};
  constructor() {
    super({}, { json: true });
  }
  override data(value: Json): void {
    const line = value as Record<string, string>;
    if (line['check'] !== undefined) this.found[line['check']] = line;
  }
}

/** What the checks of the rings find in that environment. */
async function doctor(
  { temporal, taskQueue }: ReturnType<ReturnType<typeof useSluice>>,
  keyRing?: keyof typeof rings,
  claims?: keyof typeof rings,
) {
  const terminal = new Listening();
  const code = await doctorCommand(terminal, {
    ...{ TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporal.namespace },
    ...{ SLUICE_TASK_QUEUE: taskQueue, SURREAL_URL: `surrealkv://${join(directory, 'none')}` },
    ...(keyRing !== undefined && { SLUICE_KEY_RING_FILE: path(keyRing) }),
    ...(claims !== undefined && { SLUICE_CLAIM_KEYS_FILE: path(claims) }),
  });
  return { code, ring: terminal.found['key ring'], claims: terminal.found['claims'] };
}

describe('doctor, where the workers have both rings', () => {
  const sluice = useSluice({
    dataConverter: claimingConverter(
      new KeyRing(rings.claims),
      encryptingConverter(new KeyRing(rings.payloads)),
    ),
  });

  it('doctor finds the same rings in order', async () => {
    expect(await doctor(sluice(), 'payloads', 'claims')).toMatchObject({
      code: 0,
      ring: { status: 'ok' },
      claims: { status: 'ok', found: expect.stringContaining('k1') as string },
    });
  });

  it('doctor fails where this process has another ring, or none', async () => {
    const refused = { status: 'fail', code: 'CLAIM_INVALID' };
    const unreadable = { status: 'fail', code: 'KEY_UNKNOWN' };
    expect(await doctor(sluice(), 'payloads')).toMatchObject({ code: 3, claims: refused });
    expect(await doctor(sluice(), 'payloads', 'other')).toMatchObject({ code: 3, claims: refused });
    expect(await doctor(sluice(), 'other', 'claims')).toMatchObject({ code: 3, ring: unreadable });
    expect(await doctor(sluice(), undefined, 'claims')).toMatchObject({ code: 3, ring: unreadable });
  });
});

describe('doctor, where the workers have no ring', () => {
  const sluice = useSluice();

  it('doctor says that rings are off, and fails where only this process has one', async () => {
    expect(await doctor(sluice())).toMatchObject({
      code: 0,
      ring: { status: 'skip' },
      claims: { status: 'skip', found: expect.stringContaining('any tenant') as string },
    });
    expect(await doctor(sluice(), undefined, 'claims')).toMatchObject({
      code: 3,
      claims: { status: 'fail', code: 'CONFIG_INVALID' },
    });
    expect(await doctor(sluice(), 'payloads')).toMatchObject({ code: 3, ring: { code: 'KEY_UNKNOWN' } });
  });

  it('doctor says from when on claims count', async () => {
    expect(await doctor(sluice(), undefined, 'later')).toMatchObject({
      code: 0,
      claims: { status: 'warn', found: expect.stringContaining('2999') as string },
    });
  });
});
