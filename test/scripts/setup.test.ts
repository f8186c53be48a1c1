import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dependenciesAreStale } from '../../scripts/lib/setup.mjs';

let clone: string;
beforeEach(() => (clone = mkdtempSync(join(tmpdir(), 'sluice-clone-'))));
afterEach(() => rmSync(clone, { recursive: true, force: true }));

function lock(packages: Record<string, { version?: string; optional?: boolean }>): void {
  writeFileSync(join(clone, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...packages } }));
}
function installed(packages: Record<string, { version: string }>): void {
  mkdirSync(join(clone, 'node_modules'), { recursive: true });
  writeFileSync(join(clone, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
}
const stale = () => (dependenciesAreStale as (root: string) => boolean)(clone);

describe('the packages of a clone', () => {
  it('packages are stale where nothing is installed', () => {
    lock({ 'node_modules/a': { version: '1.0.0' } });
    expect(stale()).toBe(true);
  });

  it('packages are fresh where each has the version of the lock file', () => {
    lock({ 'node_modules/a': { version: '1.0.0' } });
    installed({ 'node_modules/a': { version: '1.0.0' } });
    expect(stale()).toBe(false);
  });

  it('packages are stale where the lock file names another version or one more package', () => {
    installed({ 'node_modules/a': { version: '1.0.0' } });
    lock({ 'node_modules/a': { version: '1.0.1' } });
    expect(stale()).toBe(true);
    lock({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0' } });
    expect(stale()).toBe(true);
  });

  it('packages are fresh without the optional ones of another platform', () => {
    lock({
      'node_modules/a': { version: '1.0.0' },
      'node_modules/mac': { version: '1.0.0', optional: true },
    });
    installed({ 'node_modules/a': { version: '1.0.0' } });
    expect(stale()).toBe(false);
  });
});
