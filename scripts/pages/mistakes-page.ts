/** docs/mistakes.md: mistakes of authors and their cures, from the table that a test runs. */
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const FOLDER = new URL('../../test/definitions/mistakes/', import.meta.url);

const Mistake = z.strictObject({
  mistake: z.string(),
  /** An expression; or steps, or a document, as YAML. */
  expression: z.string().optional(),
  step: z.string().optional(),
  document: z.string().optional(),
  /** `line:column level CODE step-path path | message | hint`. */
  problems: z.array(z.string()).min(1),
});

interface AuthorsMistake {
  readonly mistake: string;
  /** What the page shows. */
  readonly shown: string;
  readonly document: string;
  readonly problems: readonly string[];
}

/** The mistakes of each file of the table, with the first line of the file as a title. */
export function mistakeGroups(): readonly { readonly title: string; readonly mistakes: AuthorsMistake[] }[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => {
      const text = readFileSync(new URL(file, FOLDER), 'utf8');
      const mistakes = z.array(Mistake).parse(parse(text));
      return { title: /^# (.*)\.$/m.exec(text)?.[1] ?? file, mistakes: mistakes.map(completed) };
    });
}

function completed({
  mistake,
  expression,
  step,
  document,
  problems,
}: z.infer<typeof Mistake>): AuthorsMistake {
  const shown = expression ?? step ?? document ?? '';
  const assigned = `- id: a\n  type: transform.assign\n  assign:\n    vars.a:\n      $expr: |-\n        ${expression}\n`;
  const steps = (expression === undefined ? (step ?? '') : assigned).replace(/^/gm, '  ').trimEnd();
  return { mistake, shown, document: document ?? `id: t\nversion: 1\nsteps:\n${steps}\n`, problems };
}

/** The text of the page. */
export function mistakesPage(note: string): string {
  const parts = mistakeGroups().map(
    ({ title, mistakes }) => `## ${title}\n\n${mistakes.map(entry).join('\n\n')}`,
  );
  return `# Mistakes and their cures

${note}

\`sluice validate\` finds each of these. An error refuses the document. A warning says what the document probably
does not mean; \`--strict\` makes warnings errors. What is meant as it is written is said with \`$literal\`, which
nothing looks into.

${parts.join('\n\n')}
`;
}

function entry({ mistake, shown, problems }: AuthorsMistake): string {
  const said = problems.map((problem) => {
    const [place = '', message = '', hint] = problem.split(' | ');
    const level = place.split(' ')[1] ?? '';
    return `- ${level}: ${code(message)}${hint === undefined ? '' : ` → ${code(hint)}`}`;
  });
  const fence = `\`\`\`text\n${visible(shown).trimEnd()}\n\`\`\``;
  return `**${mistake.charAt(0).toUpperCase()}${mistake.slice(1)}**\n\n${fence}\n\n${said.join('\n')}`;
}

/** A text as code of Markdown. */
function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}

/** Invisible characters, as their numbers. */
function visible(text: string): string {
  return text.replace(
    /[\u00a0\u200b\t]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
