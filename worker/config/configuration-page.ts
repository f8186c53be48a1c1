/** docs/configuration.md: its table is made from the variables, so it can't say anything else. */
import type { z } from 'zod';
import { ApiVariables } from './api-variables.js';
import { BridgeVariables } from './bridge-config.js';
import { Variables } from './config-variables.js';

/** The text of docs/configuration.md. */
export function configurationPage(): string {
  const rows = rowsOf(Variables.shape);
  const bridgeRows = rowsOf(BridgeVariables.shape);
  const apiRows = rowsOf(ApiVariables.shape);
  return `# Configuration

<!-- Made by \`npm run docs\` from worker/config/config-variables.ts: edit the variables there, the text in worker/config/configuration-page.ts. -->

A process reads its environment once, when it starts. A blank variable is an unset one. A bad value stops the start
with \`CONFIG_INVALID\` and a message that names every variable at fault, never its value.

| variable | default | meaning |
| --- | --- | --- |
${rows.join('\n')}

TLS: of each \`…_PATH\` and \`…_DATA\` pair only one may be set, and a client certificate needs its key.

## The event bridge

What \`sluice bridge\`, the local stack and \`sluice events\` read beside these ([events.md](events.md)):

| variable | default | meaning |
| --- | --- | --- |
${bridgeRows.join('\n')}

## The HTTP API

What \`sluice api\` and the local stack read beside these ([api.md](api.md)), and where commands find an API:

| variable | default | meaning |
| --- | --- | --- |
${apiRows.join('\n')}

## sluice.config.ts

What a project adds to its workers stands in \`sluice.config.ts\` (or \`.js\`, \`.mjs\`) in the directory where the worker
starts. No file is fine; a broken one stops the start.

\`\`\`ts
import { defineConfig } from './worker/define-config.js';

export default defineConfig({
  actions: ['./examples/actions/index.ts'],
  http: { allowHosts: ['internal.example:8080'] },
});
\`\`\`

- \`actions\`: modules whose exports are actions, alone or in lists; paths are relative to the file.
  [actions.md](actions.md) says how to write one.
- \`http.allowHosts\`: as \`SLUICE_HTTP_ALLOW_HOSTS\`; the two are added.

## Secrets

A definition names a secret as \`{$secret: NAME}\`. The worker reads it from its source each time an action needs it,
so a rotated one is used at once:

- \`SLUICE_SECRETS=env:PREFIX\`: the variable \`PREFIX\` + \`NAME\`. With the default, \`{$secret: PAYMENTS_API_KEY}\` is
  \`SLUICE_SECRET_PAYMENTS_API_KEY\`.
- \`SLUICE_SECRETS=dir:/path\`: the file \`/path/NAME\`, as Kubernetes mounts a secret. A newline at its end does not count.

An empty secret is none. What a secret's value is kept out of, and how, is in [actions.md](actions.md).

## Stopping a worker

On \`SIGTERM\` or \`SIGINT\` a worker takes no more work. Running actions may go on for \`SLUICE_SHUTDOWN_GRACE_MS\`; then
their signal is aborted, and after \`SLUICE_SHUTDOWN_STOP_MS\` they are no longer waited for. An action that has not
ended is repeated by another worker, under the same attempt and idempotency key: no run fails. Give the process at
least the sum of both and 10 seconds before it is killed (Kubernetes: \`terminationGracePeriodSeconds\`).

## Search attributes

A worker starts only where its namespace has Sluice's search attributes, and otherwise prints the commands that
register them. The local stack registers them by itself.
`;
}

function rowsOf(shape: Readonly<Record<string, z.ZodType>>): string[] {
  return Object.entries(shape).map(
    ([name, schema]) => `| \`${name}\` | ${defaultOf(schema)} | ${escaped(schema.description ?? '')} |`,
  );
}

function defaultOf(schema: z.ZodType): string {
  const inner = schema.def as { type: string; defaultValue?: unknown };
  if (inner.type !== 'default' && inner.type !== 'prefault') return '';
  return inner.defaultValue === '' ? '' : `\`${String(inner.defaultValue)}\``;
}

const escaped = (text: string): string => text.replaceAll('|', '\\|');
