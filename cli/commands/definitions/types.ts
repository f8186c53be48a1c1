/** `sluice types`: TypeScript types of payloads, from the payloadSchema of each definition. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import type { SluiceClient } from '../../../client/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { isJsonObject, type JsonObject } from '../../../contracts/json.js';
import { readDefinition } from '../../../definitions/index.js';
import { EXIT } from '../../terminal/exit-codes.js';
import { formatOfFile, readInputFile } from '../../terminal/input.js';
import type { Terminal } from '../../terminal/terminal.js';

/** What types are made of. */
interface Typed {
  readonly id: string;
  readonly version: number;
  readonly payloadSchema: JsonObject | undefined;
}

/**
 * Makes them.
 * @param names files, and ids of published definitions
 * @param out file to write; absent: standard output
 * @param connected runs with a client, where an id has to be looked up
 * @throws SluiceError INPUT_INVALID where two say the same id; DEFINITION_INVALID, DEFINITION_NOT_FOUND
 */
export async function writeTypes(
  terminal: Terminal,
  names: readonly string[],
  out: string | undefined,
  connected: (work: (client: SluiceClient) => Promise<void>) => Promise<void>,
): Promise<number> {
  const files = names.filter((name) => isFile(name));
  const ids = names.filter((name) => !isFile(name));
  const typed: Typed[] = [];
  for (const file of files) {
    const { definition } = readDefinition(await readInputFile(file), formatOfFile(file));
    typed.push({ id: definition.id, version: definition.version, payloadSchema: definition.payloadSchema });
  }
  if (ids.length > 0) {
    await connected(async ({ definitions }) => {
      for (const id of ids) {
        const { source, format, version } = await definitions.get(id);
        const { payloadSchema } = readDefinition(source, format).definition;
        typed.push({ id, version, payloadSchema });
      }
    });
  }
  const twice = typed.find(({ id }, i) => typed.findIndex((other) => other.id === id) !== i);
  if (twice !== undefined) throw new SluiceError('INPUT_INVALID', `${twice.id} is named twice`);
  const source = await sourceOf(typed);
  if (out === undefined) {
    terminal.data({ source });
    terminal.print(source.trimEnd());
  } else {
    await writeFile(out, source);
    terminal.data({ file: out, definitions: typed.map(({ id }) => id) });
    terminal.print(`${out}: payloads of ${typed.map(({ id }) => id).join(', ')}`);
  }
  return EXIT.ok;
}

/** An id has neither a dot nor a slash. */
function isFile(name: string): boolean {
  return /[./\\]/.test(name) || existsSync(name);
}

/** One module: an interface for each payload, and one that says which is whose. */
async function sourceOf(typed: readonly Typed[]): Promise<string> {
  const parts: string[] = [];
  for (const { id, version, payloadSchema } of typed) {
    const name = payloadName(id);
    const about = `/** What a run of ${id} is started with (version ${version}). */\n`;
    parts.push(
      payloadSchema === undefined
        ? `${about}export type ${name} = unknown;\n`
        : about + (await interfaceOf(payloadSchema, name)),
    );
  }
  const entries = typed.map(({ id }) => `  readonly ${JSON.stringify(id)}: ${payloadName(id)};`);
  return `${HEAD}\n${parts.join('\n')}\n/** For \`createSluiceClient<Payloads>(…)\`: which definition takes which payload. */\nexport interface Payloads {\n${entries.join('\n')}\n}\n`;
}

const HEAD =
  '// Made by `sluice types` from the payloadSchema of each definition: make it anew instead of editing it.\n';

async function interfaceOf(schema: JsonObject, name: string): Promise<string> {
  const made = await compile(ownNames(schema, name) as JSONSchema, name, {
    bannerComment: '',
    unknownAny: true,
    format: false,
  });
  return made.trimStart();
}

const DEFS = '#/$defs/';

/** The schema with names that no other definition's has: titles would name types, and so do the keys of `$defs`. */
function ownNames(schema: JsonObject, name: string): unknown {
  return JSON.parse(JSON.stringify(schema), (key, value: unknown) => {
    if (key === 'title' && typeof value === 'string') return undefined;
    if (key === '$ref' && typeof value === 'string' && value.startsWith(DEFS)) {
      return `${DEFS}${name}-${value.slice(DEFS.length)}`;
    }
    if (key !== '$defs' || !isJsonObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([inner, one]) => [`${name}-${inner}`, one]));
  }) as unknown;
}

function payloadName(id: string): string {
  const words = id.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${words.join('')}Payload`;
}
