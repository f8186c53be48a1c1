/* global document, sessionStorage, Headers, AbortController, TextDecoder */
/**
 * The page for the API's document: it renders /openapi.json and sends requests. It uses no library and loads
 * nothing from another host, so it works offline and under the Content-Security-Policy of the API.
 *
 * Invariant: text from the document and from answers becomes text nodes, never HTML.
 */

/** Most characters of an answer that the page shows. */
const ANSWER_CHARACTERS = 200_000;
/** How deep a sample of a body goes into nested schemas. */
const SAMPLE_DEPTH = 6;

/** An element with properties and children; a child is a node, a text, or undefined. */
function element(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children.flat().filter((child) => child !== undefined));
  return node;
}

/** Paragraphs with `code`: the part of Markdown that the document uses. */
function prose(text = '') {
  return text.split(/\n{2,}/).map((paragraph) => {
    const parts = paragraph.split('`');
    return element('p', {}, ...parts.map((part, i) => (i % 2 === 1 ? element('code', {}, part) : part)));
  });
}

const schemaName = (reference) => reference.split('/').at(-1);

/** A schema in the notation of TypeScript; references are links. */
function typeOf(schema = {}, indent = '') {
  if (schema.$ref) {
    const name = schemaName(schema.$ref);
    return [element('a', { href: `#schema-${name}` }, name)];
  }
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives)
    return joined(
      alternatives.map((one) => typeOf(one, indent)),
      ' | ',
    );
  if (schema.allOf)
    return joined(
      schema.allOf.map((one) => typeOf(one, indent)),
      ' & ',
    );
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(' | ')];
  if ('const' in schema) return [JSON.stringify(schema.const)];
  if (schema.type === 'array') return [...typeOf(schema.items, indent), '[]'];
  if (schema.properties) return objectType(schema, `${indent}  `);
  if (schema.additionalProperties) return ['{ [key]: ', ...typeOf(schema.additionalProperties, indent), ' }'];
  return [[schema.type ?? 'any'].flat().join(' | ')];
}

function objectType({ properties, required = [] }, indent) {
  const lines = Object.entries(properties).flatMap(([name, schema]) => [
    `\n${indent}${name}${required.includes(name) ? '' : '?'}: `,
    ...typeOf(schema, indent),
    schema.description ? `  // ${schema.description}` : '',
  ]);
  return ['{', ...lines, `\n${indent.slice(2)}}`];
}

function joined(lists, separator) {
  return lists.flatMap((list, i) => (i === 0 ? list : [separator, ...list]));
}

/** A value that fits a schema, as a start for the body of a request: the required properties only. */
function sampleOf(schema, schemas, depth = 0) {
  if (schema === undefined || depth > SAMPLE_DEPTH) return null;
  if (schema.$ref) return sampleOf(schemas[schemaName(schema.$ref)], schemas, depth + 1);
  if (schema.example !== undefined) return schema.example;
  const first = (schema.oneOf ?? schema.anyOf ?? schema.allOf)?.[0];
  if (first) return sampleOf(first, schemas, depth + 1);
  if (schema.enum) return schema.enum[0];
  if (schema.type === 'object') {
    const entries = Object.entries(schema.properties ?? {});
    const required = entries.filter(([name]) => schema.required?.includes(name));
    return Object.fromEntries(required.map(([name, inner]) => [name, sampleOf(inner, schemas, depth + 1)]));
  }
  return { string: '', integer: 1, number: 1, boolean: false, array: [] }[schema.type] ?? null;
}

function table(head, rows) {
  return element(
    'table',
    {},
    element('tr', {}, ...head.map((text) => element('th', {}, text))),
    ...rows.map((cells) => element('tr', {}, ...cells.map((cell) => element('td', {}, cell)))),
  );
}

/** Headers that the top of the page sets for every request. */
const SHARED_HEADERS = ['sluice-tenant', 'authorization'];

/** One operation: what the document says about it, and a form that sends it. */
function operationView({ method, path, operation, schemas }) {
  const parameters = (operation.parameters ?? []).filter(
    ({ in: place, name }) => place !== 'header' || !SHARED_HEADERS.includes(name.toLowerCase()),
  );
  const inputs = parameters.map((parameter) => ({ ...parameter, input: element('input') }));
  const content = Object.entries(operation.requestBody?.content ?? {});
  const [type, media] = content[0] ?? [];
  const body =
    type === undefined
      ? undefined
      : element('textarea', { value: JSON.stringify(sampleOf(media.schema, schemas), null, 2) });
  const answer = element('pre', { hidden: true });
  const send = element('button', { type: 'button' }, 'Send');
  let running;
  send.onclick = async () => {
    if (running !== undefined) {
      running.abort();
      return;
    }
    running = new AbortController();
    send.textContent = 'Stop';
    answer.hidden = false;
    answer.textContent = '';
    try {
      await exchange({ method, path, inputs, type, body, signal: running.signal }, answer);
    } catch (error) {
      answer.append(`\n${error.message}`);
    }
    running = undefined;
    send.textContent = 'Send';
  };
  return element(
    'details',
    { id: operation.operationId },
    element(
      'summary',
      {},
      element('span', { className: 'method' }, method),
      element('span', { className: 'path' }, path),
      operation.summary,
    ),
    element(
      'div',
      {},
      prose(operation.description),
      inputs.length === 0
        ? undefined
        : table(
            ['parameter', 'in', 'type', 'value'],
            inputs.map(({ name, in: place, required, schema, description, input }) => [
              [element('code', {}, name), required ? ' (required)' : ''],
              place,
              [...typeOf(schema), element('br'), description ?? schema?.description ?? ''],
              input,
            ]),
          ),
      body && element('h3', {}, `Body, ${content.map(([name]) => name).join(' or ')}`),
      body && element('pre', {}, ...typeOf(media.schema)),
      body,
      element('p', {}, send),
      answer,
      element('h3', {}, 'Answers'),
      table(
        ['status', 'description', 'body'],
        Object.entries(operation.responses).map(([status, { description, content: types = {} }]) => [
          status,
          prose(description),
          Object.entries(types).flatMap(([name, { schema }]) => [
            element('code', {}, name),
            element('pre', {}, ...typeOf(schema)),
          ]),
        ]),
      ),
    ),
  );
}

/** Sends a request and shows its answer as it arrives. */
async function exchange({ method, path, inputs, type, body, signal }, answer) {
  const headers = new Headers();
  const token = document.getElementById('token').value;
  const tenant = document.getElementById('tenant').value;
  if (token !== '') headers.set('Authorization', `Bearer ${token}`);
  if (tenant !== '') headers.set('Sluice-Tenant', tenant);
  if (type !== undefined) headers.set('Content-Type', type);
  let target = path;
  const query = [];
  for (const { name, in: place, input } of inputs) {
    const { value } = input;
    if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(value));
    else if (value !== '' && place === 'header') headers.set(name, value);
    else if (value !== '') query.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  }
  if (query.length > 0) target += `?${query.join('&')}`;
  const request = { method: method.toUpperCase(), headers, signal, ...(body && { body: body.value }) };
  const response = await fetch(target, request);
  const shown = ['content-type', 'location', 'etag', 'retry-after', 'x-request-id']
    .filter((name) => response.headers.has(name))
    .map((name) => `${name}: ${response.headers.get(name)}`);
  answer.textContent = `${response.status} ${request.method} ${target}\n${shown.join('\n')}\n\n`;
  if (/\bjson$/.test(response.headers.get('content-type')?.split(';')[0] ?? '')) {
    const text = JSON.stringify(await response.json(), null, 2);
    answer.append(text.slice(0, ANSWER_CHARACTERS));
    return;
  }
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next?.done === false; next = await reader.read()) {
    answer.append(decoder.decode(next.value, { stream: true }));
    if (answer.textContent.length > ANSWER_CHARACTERS) await reader.cancel();
  }
}

/** Operations by tag, in the order of the document. */
function byTag({ paths, components: { schemas = {} } }) {
  const tags = new Map();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? 'other';
      tags.set(tag, [...(tags.get(tag) ?? []), { method, path, operation, schemas }]);
    }
  }
  return tags;
}

/** Opens the operation or the schema that the address names. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(document.location.hash.slice(1)));
  if (target === null) return;
  target.open = true;
  target.scrollIntoView();
}

/** Keeps a field of the header while the tab is open. */
function keepField(id) {
  const field = document.getElementById(id);
  field.value = sessionStorage.getItem(`sluice.${id}`) ?? '';
  field.onchange = () => sessionStorage.setItem(`sluice.${id}`, field.value);
}

const main = document.getElementById('main');
try {
  keepField('token');
  keepField('tenant');
  const openApi = await (await fetch('/openapi.json')).json();
  document.getElementById('title').textContent = `${openApi.info.title} API ${openApi.info.version}`;
  main.replaceChildren(...prose(openApi.info.description));
  for (const [tag, operations] of byTag(openApi)) {
    const links = operations.map(({ operation }) =>
      element('li', {}, element('a', { href: `#${operation.operationId}` }, operation.summary)),
    );
    document.getElementById('contents').append(element('strong', {}, tag), element('ul', {}, ...links));
    main.append(element('h2', {}, tag), ...operations.map(operationView));
  }
  main.append(element('h2', {}, 'Schemas'));
  for (const [name, schema] of Object.entries(openApi.components.schemas ?? {})) {
    const type = element('pre', {}, ...typeOf(schema));
    main.append(
      element('details', { id: `schema-${name}` }, element('summary', {}, name), element('div', {}, type)),
    );
  }
  document.defaultView.onhashchange = openTarget;
  openTarget();
} catch (error) {
  main.replaceChildren(element('p', {}, `The document cannot be shown: ${error.message}`));
}
