// Prose that `npm run verify` refuses: turns of phrase that are not idiomatic English, comments wider
// than the code, and test titles that do not stand alone. Reads every tracked source and page as text;
// changes nothing.
//
// A text that runs, histories or rows depend on byte for byte can't be reworded: it is listed in
// PERSISTED with the reason.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BANNED, COMMENT_WIDTH, PERSISTED, TITLE_STARTS } from './lib/prose-rules.mjs';
import { root } from './lib/setup.mjs';

const only = process.argv.slice(2);
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /\.(ts|mjs|cjs|md|yml|yaml|sh|surql)$|^Dockerfile$|^\.ci\/run$/.test(file))
  .filter((file) => !/^(test\/replay\/histories|expressions\/generated)\/|prose-rules\.mjs$/.test(file))
  .filter((file) => only.length === 0 || only.some((path) => file.startsWith(path)));

const findings = [];
for (const file of files) {
  let lines;
  try {
    lines = readFileSync(join(root, file), 'utf8').split('\n');
  } catch {
    continue; // deleted, and not committed yet
  }
  let fenced = false;
  lines.forEach((line, index) => {
    if (file.endsWith('.md') && line.trimStart().startsWith('```')) fenced = !fenced;
    if (fenced) return;
    const report = (text) => findings.push(`${file}:${index + 1}: ${text}`);
    checkWords(line, report);
    if (/\.(ts|mjs|cjs)$/.test(file)) checkComment(line, report);
    if (file.endsWith('.test.ts')) checkTitle(line, report);
  });
}

for (const finding of findings) console.error(finding);
if (findings.length > 0)
  console.error(`\n${findings.length} findings; the rules: scripts/lib/prose-rules.mjs`);
process.exit(findings.length === 0 ? 0 : 1);

function checkWords(line, report) {
  const text = PERSISTED.reduce((rest, { text }) => rest.replaceAll(text, ''), line);
  for (const { pattern, instead } of BANNED) {
    const found = pattern.exec(text);
    if (found) report(`"${found[0]}" → ${instead}`);
  }
}

function checkComment(line, report) {
  if (line.length <= COMMENT_WIDTH || !/^\s*(\/\/|\/?\*)/.test(line) || /https?:\/\//.test(line)) return;
  report(`a comment of ${line.length} columns; the limit is ${COMMENT_WIDTH}`);
}

function checkTitle(line, report) {
  const title = /\b(?:it|test)(?:\.\w+(?:\([^)]*\))?)*\(\s*(['"`])(.+?)\1/.exec(line)?.[2];
  if (title === undefined) return;
  if (title.trim().split(/\s+/).length < 3) report(`the title "${title}" is not a sentence`);
  else if (TITLE_STARTS.test(title)) report(`the title "${title}" has no subject`);
}
