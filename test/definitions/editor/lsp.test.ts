/** `sluice lsp`, as an editor uses it: a real process, asked through the protocol. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CompletionItem,
  createProtocolConnection,
  type Diagnostic,
  type DocumentSymbol,
  type Hover,
  type InitializeResult,
  type Location,
  type ProtocolConnection,
  type PublishDiagnosticsParams,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node.js';
import { catalogueOf, readDefinition } from '../../../definitions/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { builtInActions } from '../../../actions/index.js';
import { waitFor } from '../../support/wait-for.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BIN = `${ROOT}cli/bin.mjs`;

const ORDER = `id: order
version: 1
payloadSchema:
  type: object
  additionalProperties: false
  properties:
    customer: { type: object, properties: { name: { type: string }, city: { type: string } } }
steps:
  - id: ask
    type: action.call
    action: http.request
    input: { url: "https://example.com" }
    saveAs: vars.answer
  - id: decide
    type: control.if
    condition: { $expr: vars.answer.status = 200 }
    then:
      - id: greet
        type: transform.assign
        assign:
          vars.text: { $expr: '"Dear " & payload.customer.name' }
`;

interface Server {
  readonly child: ChildProcess;
  readonly connection: ProtocolConnection;
  readonly initialized: InitializeResult;
  /** By document and version. */
  readonly told: ReadonlyMap<string, PublishDiagnosticsParams>;
  readonly messages: readonly string[];
}

const servers: Server[] = [];
let opened = 0;

/** Starts a server for the project in a folder. */
async function start(folder: string): Promise<Server> {
  // What it would connect to does not answer: the server asks neither Temporal nor a database.
  const env = { ...process.env, TEMPORAL_ADDRESS: '127.0.0.1:1', SURREALDB_URL: 'ws://127.0.0.1:1' };
  const child = spawn(process.execPath, [BIN, 'lsp', '--stdio'], { cwd: ROOT, env });
  const reader = new StreamMessageReader(child.stdout);
  const connection = createProtocolConnection(reader, new StreamMessageWriter(child.stdin));
  const told = new Map<string, PublishDiagnosticsParams>();
  const messages: string[] = [];
  connection.onNotification('textDocument/publishDiagnostics', (params: PublishDiagnosticsParams) => {
    told.set(`${params.uri} ${params.version}`, params);
  });
  connection.onNotification('window/showMessage', ({ message }: { message: string }) => {
    messages.push(message);
  });
  reader.onError((error) => messages.push(`not the protocol: ${String(error)}`));
  connection.listen();
  const initialized: InitializeResult = await connection.sendRequest('initialize', {
    processId: process.pid,
    capabilities: {},
    rootUri: null,
    workspaceFolders: [{ uri: pathToFileURL(folder).href, name: 'project' }],
  });
  await connection.sendNotification('initialized', {});
  const server = { child, connection, initialized, told, messages };
  servers.push(server);
  return server;
}

let child: ChildProcess;
let connection: ProtocolConnection;
let initialized: InitializeResult;
let told: ReadonlyMap<string, PublishDiagnosticsParams>;

beforeAll(async () => {
  ({ child, connection, initialized, told } = await start(ROOT));
});

afterAll(async () => {
  for (const server of servers) {
    server.connection.dispose();
    if (server.child.exitCode === null) server.child.kill();
    await waitFor(() => server.child.exitCode !== null || server.child.signalCode !== null);
  }
});

/** Opens a document; `|` is the cursor. */
async function open(marked: string, languageId = 'yaml') {
  const offset = marked.indexOf('|');
  const text = offset === -1 ? marked : marked.slice(0, offset) + marked.slice(offset + 1);
  const uri = `file:///documents/${++opened}.${languageId}`;
  await connection.sendNotification('textDocument/didOpen', {
    textDocument: { uri, languageId, version: 1, text },
  });
  const lines = text.slice(0, Math.max(0, offset)).split('\n');
  const position = { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 };
  return { uri, text, at: { textDocument: { uri }, position } };
}

const diagnosticsOf = async (uri: string, version = 1): Promise<readonly Diagnostic[]> =>
  (await waitFor(() => told.get(`${uri} ${version}`))).diagnostics;

async function labels(marked: string): Promise<readonly string[]> {
  const { at } = await open(marked);
  const items: CompletionItem[] = await connection.sendRequest('textDocument/completion', at);
  return items.map(({ label }) => label);
}

async function hover(marked: string): Promise<string | undefined> {
  const { at } = await open(marked);
  const answer: Hover | null = await connection.sendRequest('textDocument/hover', at);
  return (answer?.contents as { value: string } | undefined)?.value;
}

describe('sluice lsp', () => {
  it('the server says what it can do', () => {
    expect(initialized.capabilities).toMatchObject({
      completionProvider: {},
      hoverProvider: true,
      definitionProvider: true,
      documentSymbolProvider: true,
    });
  });

  it('the server reports the problems of sluice validate, at their places and with their cures', async () => {
    const text = ORDER.replace('vars.answer.status = 200', 'vars.anwser.status = 200').replace(
      'action: http.request',
      'action: http.requset',
    );
    const { uri } = await open(text);
    const diagnostics = await diagnosticsOf(uri);
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThanOrEqual(2);
    expect(
      diagnostics.map(({ code, range, message }) => ({
        code,
        line: range.start.line + 1,
        column: range.start.character + 1,
        message,
      })),
    ).toEqual(
      problems.map(({ code, line, column, message, stepPath, hint }) => ({
        code,
        line,
        column,
        message: `${stepPath === null ? '' : `${stepPath}: `}${message}${hint === undefined ? '' : `\n${hint}`}`,
      })),
    );
  });

  it('a changed document gets new problems, and a correct one none', async () => {
    const { uri, text } = await open(ORDER.replace('version: 1', 'version: zero'));
    expect(await diagnosticsOf(uri)).toMatchObject([{ severity: 1, range: { start: { line: 1 } } }]);
    const begin = { line: 1, character: 'version: '.length };
    const end = { line: 1, character: 'version: zero'.length };
    expect(text.split('\n')[1]).toBe('version: zero');
    await connection.sendNotification('textDocument/didChange', {
      textDocument: { uri, version: 2 },
      contentChanges: [{ range: { start: begin, end }, text: '1' }],
    });
    expect(await diagnosticsOf(uri, 2)).toEqual([]);
  });

  it('a document in JSON is read as JSON', async () => {
    const { uri } = await open(
      '{"id":"x","version":1,"steps":[{"id":"a","type":"state.sett","state":"A"}]}',
      'json',
    );
    expect(await diagnosticsOf(uri)).toMatchObject([{ code: 'STEP_TYPE_UNKNOWN' }]);
  });

  it('a text that breaks off has problems, and no answer fails', async () => {
    const { uri, at } = await open('steps: [ "|');
    expect((await diagnosticsOf(uri)).length).toBeGreaterThan(0);
    for (const method of ['hover', 'completion', 'definition', 'documentSymbol']) {
      await connection.sendRequest(`textDocument/${method}`, at);
    }
  });

  it.each([
    ['a step type', ORDER.replace('type: action.call', 'type: |'), ['action.call', 'human.task']],
    ['an action', ORDER.replace('http.request', '|'), ['http.request', 'core.log']],
    ['a key of a step', ORDER.replace('    saveAs: vars.answer', '    |'), ['saveAs', 'retry', 'timeoutMs']],
    ['a key of the document', `${ORDER}|`, ['triggers', 'result']],
    ['a key of an input', ORDER.replace('input: { url', 'input: { me|, url'), ['method', 'headers']],
    [
      'a key of an input in lines',
      ORDER.replace('{ url: "https://example.com" }', '\n      m|'),
      ['method', 'url'],
    ],
    [
      'a name',
      ORDER.replace('\'"Dear " & payload.customer.name\'', '|'),
      ['answer', 'payload', 'vars', 'coalesce', '$sum'],
    ],
    ['a variable', ORDER.replace('vars.answer.status = 200', 'vars.|'), ['answer']],
    ['a field of an output', ORDER.replace('vars.answer.status = 200', 'vars.answer.|'), ['status', 'body']],
    [
      'a field of the payload',
      ORDER.replace('payload.customer.name', 'payload.customer.|'),
      ['name', 'city'],
    ],
    [
      'a field in an expression without an end',
      ORDER.replace('vars.answer.status = 200 }', 'vars.answer.|'),
      ['status'],
    ],
  ])('%s is completed', async (_what, marked, expected) => {
    expect(await labels(marked)).toEqual(expect.arrayContaining(expected));
  });

  it('a variable that no step before has assigned is not offered', async () => {
    expect(await labels(ORDER.replace('vars.answer.status = 200', 'vars.|'))).not.toContain('text');
  });

  it('fields are offered alone after a dot', async () => {
    expect(await labels(ORDER.replace('payload.customer.name', 'payload.customer.|'))).toEqual([
      'name',
      'city',
    ]);
  });

  it.each([
    [
      'a field of the payload',
      ORDER.replace('customer.name', 'customer.na|me'),
      '`payload.customer.name`: text',
    ],
    ['a variable', ORDER.replace('vars.answer.status', 'vars.ans|wer.status'), '`vars.answer`: an object: '],
    ['an action', ORDER.replace('http.request', 'http.re|quest'), '`http.request`, versions: 1'],
    ['an input', ORDER.replace('{ url', '{ u|rl'), '`url` string'],
    ['a function', ORDER.replace('vars.answer.status = 200', 'le|n(vars.answer) = 1'), '`len(value)`'],
  ])('the pointer on %s tells what is known of it', async (_what, marked, expected) => {
    expect(await hover(marked)).toContain(expected);
  });

  it('a variable leads to the steps that assign it', async () => {
    const { at } = await open(ORDER.replace('vars.answer.status', 'vars.answ|er.status'));
    const places: Location[] = await connection.sendRequest('textDocument/definition', at);
    const line = ORDER.split('\n').findIndex((text) => text.includes('saveAs: vars.answer'));
    expect(places.map(({ range }) => range.start.line)).toEqual([line]);
  });

  it('the steps are listed with their types and paths, and lead to their lines', async () => {
    const { at } = await open(ORDER);
    const steps: DocumentSymbol[] = await connection.sendRequest('textDocument/documentSymbol', at);
    expect(steps.map(({ name, detail, range }) => [name, detail, range.start.line + 1])).toEqual([
      ['ask', 'action.call  steps[0]', 9],
      ['decide', 'control.if  steps[1]', 14],
      ['greet', 'transform.assign  steps[1].then[0]', 18],
    ]);
  });

  it('a project that prints and cannot be loaded disturbs nothing, and the editor is told why', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-lsp-'));
    try {
      const text =
        "console.log('printed');\nprocess.stdout.write('printed');\nthrow new Error('not today');\n";
      writeFileSync(join(folder, 'sluice.config.ts'), text);
      const server = await start(folder);
      const uri = 'file:///documents/alone.yaml';
      const languageId = 'yaml';
      const wrong = ORDER.replace('version: 1', 'version: zero');
      await server.connection.sendNotification('textDocument/didOpen', {
        textDocument: { uri, languageId, version: 1, text: wrong },
      });
      const { diagnostics } = await waitFor(() => server.told.get(`${uri} 1`));
      expect(diagnostics).toMatchObject([{ code: 'VALUE_INVALID' }]);
      expect(server.messages).toEqual([expect.stringContaining('not today')]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('the server ends when the editor says so', async () => {
    await connection.sendRequest('shutdown');
    await connection.sendNotification('exit');
    expect(await waitFor(() => child.exitCode !== null && [child.exitCode])).toEqual([0]);
  });
});

interface Told {
  readonly code: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly stepPath: string | null;
  readonly hint?: string;
}

/** The problems of a text by the reader that every door uses. */
function problemsOf(text: string): readonly Told[] {
  const catalogue = catalogueOf(builtInActions({ http: { allowHosts: [] } }));
  try {
    readDefinition(text, 'yaml', catalogue);
  } catch (thrown) {
    if (thrown instanceof SluiceError) return (thrown.details as unknown as { problems: Told[] }).problems;
    throw thrown;
  }
  return [];
}
