import { z } from '@hono/zod-openapi';
import { apiPage, ApiDefinition, ApiDefinitionSummary } from '../../contracts/http/api.js';
import { SluiceError, type ErrorCode } from '../../contracts/errors.js';
import { PromoteResult } from '../../contracts/run/activity.js';
import { catalogueOf, readDefinitionInBounds } from '../../definitions/index.js';
import type { DefinitionView } from '../../projections/index.js';
import { operation, type Api } from '../http/operation.js';
import { problemItems, problemOf, Problem, type ProblemItem } from '../http/problem.js';
import { json, pageOf, toDefinition, toDefinitionSummary } from '../views/views.js';
import { Id, PageQuery } from '../views/parts.js';

/** Characters of a definition's hash in its ETag. */
const ETAG_HASH_CHARACTERS = 32;

const YAML = ['application/yaml', 'application/x-yaml', 'text/yaml'];

/** A body of JSON is `{source, format}`; a body of YAML is the document itself. */
const Document = z
  .union(
    [
      z.strictObject({
        source: z.string().openapi({ description: 'The document as written.' }),
        format: z
          .enum(['yaml', 'json'])
          .optional()
          .openapi({ description: 'Default: yaml, which includes JSON.' }),
      }),
      z.string(),
    ],
    {
      error:
        'must be {source, format?} with the document as text in `source`; the document itself is sent as application/yaml, which JSON is too',
    },
  )
  .transform((body) => (typeof body === 'string' ? { source: body, format: 'yaml' as const } : body))
  .openapi('DefinitionDocument');

const Params = z.strictObject({ definitionId: Id });
const VersionParams = Params.extend({
  version: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .positive()
    .max(Number.MAX_SAFE_INTEGER)
    .openapi({ type: 'integer', minimum: 1 }),
});

const NOT_FOUND_ERRORS: readonly ErrorCode[] = ['DEFINITION_NOT_FOUND', 'DEFINITION_VERSION_NOT_FOUND'];
/** Errors of a check that took too much, or found no thread. */
const CHECK_ERRORS: readonly ErrorCode[] = ['CHECK_LIMIT', 'CHECK_UNAVAILABLE'];
/** Errors of an act that a worker carries out. */
const WORKER_ERRORS: readonly ErrorCode[] = [
  'WORKER_NOT_FOUND',
  'TEMPORAL_UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'TEMPORAL_NAMESPACE_NOT_FOUND',
  'PUBLISH_UNFINISHED',
  'SCHEDULE_REFUSED',
];

const publishedAnswer = (description: string) => ({
  description,
  schema: z.object({
    id: z.string(),
    version: z.number().int(),
    hash: z.string(),
    created: z.boolean(),
    warnings: Problem.shape.errors.unwrap(),
  }),
  headers: { Location: 'Path of the version.' },
});
const { was, starts, started } = PromoteResult.shape;
const Promoted = z.object({
  id: z.string(),
  version: z.number().int(),
  hash: z.string(),
  was: was.describe('The version of a start before; null: it was unpublished.'),
  starts: starts.describe('What starts runs from now on.'),
  started: started.describe('What started runs before.'),
});
const shown = {
  200: {
    description: 'The definition',
    schema: ApiDefinition,
    headers: { ETag: 'Changes with the answer.' },
  },
  304: { description: 'Unchanged since the ETag in If-None-Match' },
};
const headers = { 'If-None-Match': 'An ETag; if it is still current, the answer is 304.' };

export function addDefinitionRoutes(api: Api): void {
  const { client } = api.deps;
  operation(
    api,
    {
      method: 'post',
      path: '/v1/definitions',
      operationId: 'publishDefinition',
      tag: 'definitions',
      summary: 'Publish a definition; the same document again changes nothing',
      capability: 'publish',
      body: { schema: Document, texts: YAML },
      answers: {
        200: publishedAnswer('The document was published already'),
        201: publishedAnswer('Published'),
      },
      errors: [
        ...WORKER_ERRORS,
        'DEFINITION_INVALID',
        'DEFINITION_CONFLICT',
        'DEFINITION_TOO_LARGE',
        'CHECK_LIMIT',
      ],
    },
    async ({ principal, tenant, concerns, body: { source, format = 'yaml' } }) => {
      const { pin, created, warnings } = await client.publishDefinition(source, {
        format,
        tenant,
        actor: principal.name,
      });
      concerns(`definition:${pin.id}`);
      const location = `/v1/definitions/${pin.id}/versions/${pin.version}`;
      const answer = { ...pin, created, warnings: problemItems(warnings ?? []) };
      return json(answer, created ? 201 : 200, { location });
    },
  );
  operation(
    api,
    {
      method: 'post',
      path: '/v1/validations',
      operationId: 'validateDefinition',
      tag: 'definitions',
      summary: 'Check a document without publishing it',
      description:
        'Lists every problem with its level, line, column and a hint. A document with only warnings is valid.',
      capability: 'read',
      body: { schema: Document, texts: YAML },
      answers: {
        200: {
          description: 'The problems',
          schema: z.object({
            valid: z.boolean(),
            id: z.union([z.string(), z.null()]),
            version: z.union([z.number().int(), z.null()]),
            hash: z.union([z.string(), z.null()]),
            problems: Problem.shape.errors.unwrap(),
          }),
        },
      },
      errors: ['DEFINITION_TOO_LARGE', ...CHECK_ERRORS],
      idempotency: 'none',
    },
    async ({ c, tenant, body: { source, format = 'yaml' } }) => {
      const occurrence = { requestId: c.get('requestId'), path: c.req.path };
      const invalid = (problems: readonly ProblemItem[]) =>
        json({ valid: false, id: null, version: null, hash: null, problems });
      try {
        const { actions } = api.deps;
        const catalogue = actions && catalogueOf(actions);
        const read = await readDefinitionInBounds(source, format, { tenant, catalogue });
        const { missing, warnings } = read;
        const problems = problemItems([...missing, ...warnings].map((problem) => ({ ...problem })));
        if (missing.length > 0) return invalid(problems);
        const { id, version } = read.definition;
        return json({ valid: true, id, version, hash: read.hash, problems });
      } catch (thrown) {
        if (!(thrown instanceof SluiceError) || thrown.code !== 'DEFINITION_INVALID') throw thrown;
        return invalid(problemOf(thrown, occurrence).errors ?? []);
      }
    },
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/definitions',
      operationId: 'listDefinitions',
      tag: 'definitions',
      summary: 'List definitions by id, unpublished ones included',
      capability: 'read',
      query: PageQuery,
      answers: { 200: { description: 'A page', schema: apiPage(ApiDefinitionSummary) } },
    },
    async ({ tenant, query }) =>
      json(pageOf(await client.definitions.list(query, { tenant }), toDefinitionSummary)),
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/definitions/{definitionId}',
      operationId: 'getDefinition',
      tag: 'definitions',
      summary: 'The version that a start takes, with its source',
      description: 'The highest version, if the definition was unpublished.',
      capability: 'read',
      params: Params,
      headers,
      answers: shown,
      errors: NOT_FOUND_ERRORS,
    },
    async ({ c, tenant, params: { definitionId } }) =>
      withTag(
        await client.definitions.get(definitionId, undefined, { tenant }),
        c.req.header('If-None-Match'),
      ),
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/definitions/{definitionId}/versions/{version}',
      operationId: 'getDefinitionVersion',
      tag: 'definitions',
      summary: 'One version, with its source',
      capability: 'read',
      params: VersionParams,
      headers,
      answers: shown,
      errors: NOT_FOUND_ERRORS,
    },
    async ({ c, tenant, params: { definitionId, version } }) =>
      withTag(await client.definitions.get(definitionId, version, { tenant }), c.req.header('If-None-Match')),
  );
  operation(
    api,
    {
      method: 'post',
      path: '/v1/definitions/{definitionId}/promote',
      operationId: 'promoteDefinition',
      tag: 'definitions',
      summary: 'Make a published version the one that a start takes',
      description:
        'With its triggers and schedules, also where higher versions exist. Open runs keep theirs. Schedules keep the pauses and notes of operators. Publishing documents again does not undo it; a new version does.',
      capability: 'publish',
      params: Params,
      body: { schema: z.strictObject({ version: VersionParams.shape.version }) },
      answers: { 200: { description: 'What it changed', schema: Promoted } },
      errors: [...WORKER_ERRORS, ...NOT_FOUND_ERRORS, 'ACTION_NOT_FOUND', 'SECRET_FORBIDDEN'],
    },
    async ({ principal, tenant, params: { definitionId }, body: { version } }) => {
      const actor = principal.name;
      const promoted = await client.promoteDefinition(definitionId, version, { tenant, actor });
      const { pin, ...changed } = promoted;
      return json({ ...pin, ...changed });
    },
  );
  operation(
    api,
    {
      method: 'post',
      path: '/v1/definitions/{definitionId}/unpublish',
      operationId: 'unpublishDefinition',
      tag: 'definitions',
      summary: 'Unpublish a definition',
      description: 'Its triggers and schedules stop; starts then need an explicit version. Open runs go on.',
      capability: 'publish',
      params: Params,
      answers: { 200: { description: 'Unpublished', schema: z.object({ id: z.string() }) } },
      errors: [...WORKER_ERRORS, 'DEFINITION_NOT_FOUND'],
    },
    async ({ principal, tenant, params: { definitionId } }) => {
      await client.unpublishDefinition(definitionId, { tenant, actor: principal.name });
      return json({ id: definitionId });
    },
  );
}

/** Answers a definition with an ETag of everything shown: hash, versions, whether it is published. */
function withTag(definition: DefinitionView, ifNoneMatch: string | undefined): Response {
  const { hash, latest, published, versions, acts } = definition;
  const etag = `"${hash.slice(0, ETAG_HASH_CHARACTERS)}-${latest ?? 0}-${published ? 1 : 0}-${versions.length}-${Date.parse(acts[0]?.at ?? '1970-01-01')}"`;
  const answerHeaders = { etag, 'cache-control': 'private, no-cache' };
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  if (tags.includes(etag) || tags.includes('*')) {
    return new Response(null, { status: 304, headers: answerHeaders });
  }
  return json(toDefinition(definition), 200, answerHeaders);
}
