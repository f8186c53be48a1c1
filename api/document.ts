/** The OpenAPI document, and a page to browse it (`api/page/`) that loads nothing from another host. */
import { readFile } from 'node:fs/promises';
import type { Context } from 'hono';
import { SluiceError } from '../contracts/errors.js';
import { errorAnswers, serve, type Api, type ApiEnv } from './http/operation.js';

const DESCRIPTION = `Declarative, durable workflows on Temporal.

Temporal alone decides what a run does next: acts on a run go to Temporal, and the rows that are read here follow. Every
error is \`application/problem+json\` with a \`code\` of the error table.

Lists come in pages: pass \`next\` of a page as \`after\` of the following one; the last page has \`null\`.`;

export function addDocument(api: Api): void {
  const { app } = api;
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'A key from `sluice api key`, or a JWT of the configured issuer.',
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

/** The files of the page in `api/page/`, and their content types. */
const PAGE_FILES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
  'page.mjs': 'text/javascript; charset=utf-8',
};

export function addDocumentPage(api: Api): void {
  serve(api, 'get', '/docs', (c) => answerFile(c, 'index.html'));
  serve(api, 'get', '/docs/{file}', (c) => answerFile(c, c.req.param('file') ?? ''));
}

async function answerFile(c: Context<ApiEnv>, name: string): Promise<Response> {
  const type = Object.hasOwn(PAGE_FILES, name) ? PAGE_FILES[name] : undefined;
  if (type === undefined) throw new SluiceError('ROUTE_NOT_FOUND', `No route matches ${c.req.path}.`);
  const text = await readFile(new URL(`page/${name}`, import.meta.url), 'utf8');
  return c.body(text, 200, { 'content-type': type, 'Cache-Control': 'no-cache' });
}
