/** docs/invariants.md: each promise has an owner and a test, and the test names it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorsOf, readPage, repositoryFiles, ROOT } from './support/pages.js';

const page = readPage('docs/invariants.md');
const [, ...sections] = page.split(/^## /m);
const invariants = sections.map((section) => {
  const part = (name: string): string =>
    new RegExp(`^- \\*\\*${name}\\*\\*: ([^]*?)(?=^- \\*\\*|(?![^]))`, 'm').exec(section)?.[1] ?? '';
  const pathsIn = (text: string): readonly string[] =>
    [...text.matchAll(/`([\w-]+\/[\w./-]*)`/g)].map((found) => found[1] ?? '');
  return {
    name: section.split('\n')[0] ?? '',
    owners: pathsIn(part('Owner')),
    breaks: part('How it could break').trim(),
    tests: pathsIn(part('Test')),
  };
});

describe('docs/invariants.md', () => {
  it.each(invariants.map((invariant) => [invariant.name, invariant]))(
    'the promise %s has an owner, a way to break and a test, and the files exist',
    (_, { owners, breaks, tests }) => {
      expect([owners.length > 0, breaks !== '', tests.length > 0]).toEqual([true, true, true]);
      expect([...owners, ...tests].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    },
  );

  it.each(invariants.map(({ name, tests }) => [name, tests]))(
    'a test that is listed for %s cites its name',
    (name, tests) => {
      expect(tests.filter((path) => readPage(path).includes(name))).not.toEqual([]);
    },
  );

  it('no file cites a promise that is not on the page', () => {
    const anchors = anchorsOf(page);
    const cited = repositoryFiles()
      .filter((path) => /\.(ts|md|yaml)$/.test(path))
      .flatMap((path) =>
        [...readPage(path).matchAll(/docs\/invariants\.md[#, (]+([a-z]+(?:-[a-z]+)+)/g)].map((found) => [
          path,
          found[1] ?? '',
        ]),
      );
    expect(cited.filter(([, name = '']) => !anchors.has(name))).toEqual([]);
  });
});
