/** The map of the rooms in docs/architecture.md equals the rules, and every folder of code is on it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

type Imports = Readonly<Record<string, readonly string[]>>;

const root = fileURLToPath(new URL('../..', import.meta.url));
const { inner, rooms } = createRequire(import.meta.url)('../../scripts/lib/rooms.cjs') as {
  inner: Imports;
  rooms: Imports;
};
const page = readFileSync(new URL('../../docs/architecture.md', import.meta.url), 'utf8');

/** Source files that one folder may hold before it needs inner rooms. */
const MOST_FILES = 12;
/** Folders beside the rooms: not part of the product, so no rule of import names them. */
const OTHER_FOLDERS = ['bench', 'deploy', 'scripts', 'test'];

/** Rows of three cells whose first is a folder: folder → what its third cell names. */
const rows: Imports = Object.fromEntries(
  [...page.matchAll(/^\| `([\w/-]+)\/` \| [^|]+ \| ([^|]+) \|$/gm)].map(([, folder = '', allowed = '']) => [
    folder,
    allowed === '—' ? [] : allowed.split(', '),
  ]),
);

/** The names that a table uses for folders: relative to the room; `top` is the room itself. */
function inTable(folder: string, allowed: readonly string[]): readonly string[] {
  const [room = ''] = folder.split('/');
  return allowed.map((other) => (other === room ? 'top' : other.slice(room.length + 1)));
}

/** Folders with source files, each with how many. */
function codeFolders(): ReadonlyMap<string, number> {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.mjs', '*.cjs'];
  const files = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).trim().split('\n');
  const folders = new Map<string, number>();
  for (const file of files) {
    const folder = dirname(file);
    if (existsSync(`${root}/${file}`) && folder !== '.') folders.set(folder, (folders.get(folder) ?? 0) + 1);
  }
  return folders;
}

describe('the map of the rooms in docs/architecture.md', () => {
  it('the tables name the rooms, and what each may import, as the rules do', () => {
    const written = Object.entries(rows).filter(([folder]) => !folder.includes('/') && folder in rooms);
    expect(Object.fromEntries(written)).toEqual(rooms);
  });

  it('the tables name the inner rooms, and what each may import, as the rules do', () => {
    const written = Object.entries(rows).filter(([folder]) => folder.includes('/'));
    const ruled = Object.entries(inner).map(([folder, allowed]) => [folder, inTable(folder, allowed)]);
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(ruled));
  });

  it('every folder of a room that holds code has a rule', () => {
    const ruled = new Set([...Object.keys(rooms), ...Object.keys(inner)]);
    const without = [...codeFolders().keys()]
      .filter((folder) => !OTHER_FOLDERS.includes(folder.split('/')[0] ?? ''))
      .filter((folder) => !ruled.has(folder));
    expect(without).toEqual([]);
  });

  it('every folder at the top that holds code is on the page', () => {
    const tops = new Set([...codeFolders().keys()].map((folder) => folder.split('/')[0] ?? ''));
    expect([...tops].filter((top) => !page.includes(`| \`${top}/\` |`))).toEqual([]);
  });

  it(`no folder holds more than ${MOST_FILES} source files`, () => {
    const crowded = [...codeFolders()].filter(([, count]) => count > MOST_FILES);
    expect(crowded.map(([folder, count]) => `${folder}: ${count}`)).toEqual([]);
  });
});
