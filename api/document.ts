/** The OpenAPI document, and a page to browse it whose parts come from the installed package: nothing from elsewhere. */
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SluiceError } from '../contracts/errors.js';
import { errorAnswers, serve, type Api } from './http/operation.js';

const DESCRIPTION = `Declarative, durable workflows on Temporal.

Temporal alone decides what a run does next: what acts on a run goes to Temporal, and the rows that are read here follow.
Every error is \`application/problem+json\` with a \`code\` of the one error table.

Lists come in pages: \`next\` of one is \`after\` of the following; \`null\`: there is no more.`;

export function addDocument(api: Api): void {
  const { app } = api;
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'A key that `sluice api key` made, or a JWT of the configured issuer.',
  });
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/openapi.json',
    operationId: 'getOpenApi',
    summary: 'This document',
    tags: ['health'],
    responses: {
      200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } },
      ...errorAnswers(['INTERNAL']),
    },
  });
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version: '1',
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/' }],
  });
  serve(api, 'get', '/openapi.json', (c) => {
    return c.json(document);
  });
}

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#page', deepLinking: true, tryItOutEnabled: true, validatorUrl: null });
`;

const FILES: Readonly<Record<string, { readonly type: string; readonly text?: string }>> = {
  'swagger-ui.css': { type: 'text/css; charset=utf-8' },
  'swagger-ui-bundle.js': { type: 'text/javascript; charset=utf-8' },
  'start.js': { type: 'text/javascript; charset=utf-8', text: START },
};

export function addDocumentPage(api: Api): void {
  const require = createRequire(import.meta.url);
  const directory = dirname(require.resolve('swagger-ui-dist/package.json'));
  serve(api, 'get', '/docs', (c) => {
    return c.html(PAGE);
  });
  serve(api, 'get', '/docs/{file}', async (c) => {
    const name = c.req.param('file') ?? '';
    const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    if (file === undefined) throw new SluiceError('ROUTE_NOT_FOUND', `There is nothing at ${c.req.path}.`);
    const text = file.text ?? (await readFile(join(directory, name), 'utf8'));
    return c.body(text, 200, { 'content-type': file.type, 'Cache-Control': 'public, max-age=3600' });
  });
}
