/**
 * `sluice lsp`: a language server for definitions, over standard input and output.
 *
 * Invariants
 * - Its problems are those of `sluice validate`: both call `readDefinitionInBounds` with the same catalogue.
 * - Standard output carries the protocol and nothing else. What actions of the project print goes to standard
 *   error, which editors show as the log of the server.
 * - It needs neither Temporal nor a database.
 * - Problems are of the newest text: an answer about an older one is dropped.
 */
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  type CompletionItem,
  CompletionItemKind,
  createConnection,
  type Diagnostic,
  DiagnosticSeverity,
  type DocumentSymbol,
  MarkupKind,
  MessageType,
  type Range,
  ShowMessageNotification,
  SymbolKind,
  type TextDocumentPositionParams,
  TextDocuments,
  TextDocumentSyncKind,
} from 'vscode-languageserver/node.js';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { SluiceError } from '../../../contracts/errors.js';
import {
  assignmentsOf,
  catalogueOf,
  completionsAt,
  type DefinitionProblem,
  hoverAt,
  outlineOf,
  readDefinitionInBounds,
} from '../../../definitions/index.js';
import { problemsOf } from '../../terminal/problems.js';

/** Loads the actions of the project in a directory. */
export type LoadActions = (
  directory: string,
) => Promise<{ readonly actions: Parameters<typeof catalogueOf>[0] }>;

/** A problem, or why a document could not be checked. */
type Shown = Omit<DefinitionProblem, 'code'> & { readonly code: string };

const KINDS = {
  key: CompletionItemKind.Property,
  value: CompletionItemKind.EnumMember,
  name: CompletionItemKind.Variable,
  field: CompletionItemKind.Field,
  function: CompletionItemKind.Function,
} as const;

type Catalogue = ReturnType<typeof catalogueOf>;

/**
 * Serves until the editor ends it, which ends the process.
 * @param load where it fails, the editor is told, and actions are not checked
 */
export function lspCommand(load: LoadActions): Promise<number> {
  const connection = createConnection(process.stdin, takeOutput());
  const documents = new TextDocuments(TextDocument);
  let directory = process.cwd();
  let loading: Promise<Catalogue | undefined> | undefined;
  const catalogue = (): Promise<Catalogue | undefined> =>
    (loading ??= load(directory)
      .then(({ actions }) => catalogueOf(actions))
      .catch((thrown: unknown) => {
        const message = `Sluice does not check actions: ${messageOf(thrown)}`;
        void connection.sendNotification(ShowMessageNotification.type, {
          type: MessageType.Warning,
          message,
        });
        return undefined;
      }));
  const known = async (): Promise<Catalogue> => (await catalogue()) ?? catalogueOf([]);

  connection.onInitialize(({ workspaceFolders }) => {
    const [folder] = workspaceFolders ?? [];
    if (folder?.uri.startsWith('file:') === true) directory = fileURLToPath(folder.uri);
    return {
      serverInfo: { name: 'sluice' },
      capabilities: {
        textDocumentSync: TextDocumentSyncKind.Incremental,
        completionProvider: { triggerCharacters: ['.', '$', ' ', '"', "'"] },
        hoverProvider: true,
        definitionProvider: true,
        documentSymbolProvider: true,
      },
    };
  });

  documents.onDidChangeContent(async ({ document }) => {
    const { uri, version } = document;
    const problems = await problemsIn(document, await catalogue());
    if (documents.get(uri)?.version !== version) return;
    const diagnostics = problems.map((problem) => diagnosticOf(problem, document));
    await connection.sendDiagnostics({ uri, version, diagnostics });
  });
  documents.onDidClose(({ document: { uri } }) => connection.sendDiagnostics({ uri, diagnostics: [] }));

  const opened = ({ textDocument, position }: TextDocumentPositionParams) => {
    const document = documents.get(textDocument.uri);
    return (
      document && {
        text: document.getText(),
        format: formatOf(document),
        offset: document.offsetAt(position),
      }
    );
  };
  connection.onCompletion(async (asked) => {
    const at = opened(asked);
    if (at === undefined) return [];
    return completionsAt(at.text, at.format, at.offset, await known()).map(
      ({ label, kind, detail, documentation }): CompletionItem => ({
        label,
        kind: KINDS[kind],
        ...(detail !== undefined && { detail }),
        ...(documentation !== undefined && {
          documentation: { kind: MarkupKind.Markdown, value: documentation },
        }),
      }),
    );
  });
  connection.onHover(async (asked) => {
    const at = opened(asked);
    const value = at && hoverAt(at.text, at.format, at.offset, await known());
    return value === undefined ? null : { contents: { kind: MarkupKind.Markdown, value } };
  });
  connection.onDefinition((asked) => {
    const at = opened(asked);
    const { uri } = asked.textDocument;
    if (at === undefined) return [];
    return assignmentsOf(at.text, at.format, at.offset).map((place) => ({ uri, range: pointOf(place) }));
  });
  connection.onDocumentSymbol(({ textDocument: { uri } }) => {
    const document = documents.get(uri);
    const steps = document === undefined ? [] : outlineOf(document.getText(), formatOf(document));
    return steps.map((step): DocumentSymbol => {
      const range = pointOf(step);
      const detail = `${step.type}  ${step.stepPath}`;
      return { name: step.id, detail, kind: SymbolKind.Function, range, selectionRange: range };
    });
  });

  documents.listen(connection);
  connection.listen();
  // The library ends the process when the editor says so, or closes the input.
  return new Promise(() => undefined);
}

/** Takes standard output for the protocol: from here on, others that write to it write to standard error. */
function takeOutput(): Writable {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      write(chunk, (failed) => done(failed));
    },
  });
}

function formatOf({ uri, languageId }: TextDocument): 'yaml' | 'json' {
  return uri.endsWith('.json') || languageId === 'json' ? 'json' : 'yaml';
}

async function problemsIn(
  document: TextDocument,
  catalogue: Catalogue | undefined,
): Promise<readonly Shown[]> {
  try {
    const options = { tenant: 'editor', catalogue };
    const { missing, warnings } = await readDefinitionInBounds(
      document.getText(),
      formatOf(document),
      options,
    );
    return [...missing, ...warnings];
  } catch (thrown) {
    const first = { stepPath: null, path: '', line: 1, column: 1, level: 'error' } as const;
    const code = thrown instanceof SluiceError ? thrown.code : 'INTERNAL';
    return problemsOf(thrown) ?? [{ ...first, code, message: messageOf(thrown) }];
  }
}

function messageOf(thrown: unknown): string {
  if (thrown instanceof SluiceError) return `${thrown.code}: ${thrown.message}`;
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function diagnosticOf(
  { code, level, message, line, column, hint, stepPath }: Shown,
  document: TextDocument,
): Diagnostic {
  const { start } = pointOf({ line: line ?? 1, column: column ?? 1 });
  const rest = document.getText({ start, end: { line: start.line + 1, character: 0 } });
  // A word, or a text in quotes, up to what ends it.
  const length = /^(?:"[^"\r\n]*"|'[^'\r\n]*'|[^\s,[\]{}:]+)/.exec(rest)?.[0].length ?? 1;
  return {
    range: { start, end: { ...start, character: start.character + length } },
    severity: level === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
    code,
    source: 'sluice',
    message: [
      stepPath === null ? message : `${stepPath}: ${message}`,
      ...(hint === undefined ? [] : [hint]),
    ].join('\n'),
  };
}

/** An empty range at a position that counts from 1. */
function pointOf({ line, column }: { readonly line: number; readonly column: number }): Range {
  const point = { line: line - 1, character: column - 1 };
  return { start: point, end: point };
}
