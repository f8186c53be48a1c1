/** Files that are made of tables and schemas in the code: path → text. */
import { z } from 'zod';
import { ERRORS } from '../contracts/errors.js';
import { RUN_EVENT_DATA } from '../contracts/run/run-events.js';
import { definitionJsonSchema } from '../definitions/index.js';
import { configurationPage } from '../worker/config/configuration-page.js';
import { cliPage } from './cli-page.js';
import { stateMachines } from './state-machines-page.js';

export const GENERATED_PAGES: Readonly<Record<string, () => string>> = {
  'docs/errors.md': errorsPage,
  'docs/configuration.md': configurationPage,
  'docs/cli.md': cliPage,
  'docs/run-events.md': runEventsPage,
  'docs/state-machines.md': () => `# State machines\n\n${NOTE}\n\n${stateMachines()}\n`,
  'schema/definition.schema.json': () => `${JSON.stringify(definitionJsonSchema(), null, 2)}\n`,
};

const NOTE = '<!-- Made by `npm run docs` from the code: edit the table there. -->';

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, category, retryable, help }]) =>
      `| \`${code}\` | ${status} | ${category} | ${retryable ? 'yes' : 'no'} | ${help} |`,
  );
  return `# Errors

${NOTE}

Every error has a code from this table (\`contracts/errors.ts\`), or one of an action's own of the shape
\`[A-Z][A-Z0-9_]*\`. The code is \`error.code\` in a catch branch, the \`type\` of the failure that Temporal's clients
see, and the code in rows and answers. "Retryable" is what \`retry\` does where it names no \`retryOn\`.

| code | HTTP | category | retryable | what to do |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

function runEventsPage(): string {
  const rows = Object.entries(RUN_EVENT_DATA).map(([type, schema]) => {
    const fields = Object.entries(schema.shape).map(
      ([name, field]) => `\`${name}${isOptional(field) ? '?' : ''}\``,
    );
    return `| \`${type}\` | ${fields.join(', ') || '—'} |`;
  });
  return `# Run events

${NOTE}

The log of a run. Its workflow alone authors and numbers them (\`seq\`, from 1, without a gap); activities commit
them; the tables run, step and wait are a function of them. What each type does to these tables stands beside its
schema in \`contracts/run/run-events.ts\`. Every event has \`seq\`, \`at\`, \`wave\`, \`type\` and \`data\`, and where it belongs to a step
\`stepPath\`, \`iteration\` and \`attempt\`.

| type | data |
| --- | --- |
${rows.join('\n')}
`;
}

function isOptional(field: unknown): boolean {
  return field instanceof z.ZodType && field.safeParse(undefined).success;
}
