/** Pages that people read: those in docs/, and the README and other pages beside code. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Files of the repository that exist, those not committed yet included. */
export function repositoryFiles(): readonly string[] {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).trim().split('\n');
  return files.filter((file) => existsSync(`${ROOT}/${file}`));
}

export const readPage = (path: string): string => readFileSync(`${ROOT}/${path}`, 'utf8');

/** The page without its fenced code. */
export function proseOf(page: string): string {
  return page.replaceAll(/^( *)```[^]*?^\1```$/gm, '');
}

/** Anchors that the headings of a page have, as GitHub makes them. */
export function anchorsOf(page: string): ReadonlySet<string> {
  const headings = [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map((found) => found[1] ?? '');
  const anchors = headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );
  return new Set(anchors);
}
