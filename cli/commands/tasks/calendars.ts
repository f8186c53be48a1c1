/** `sluice calendars put|list|show`. */
import { parse } from 'yaml';
import type { SluiceClient } from '../../../client/index.js';
import type { CalendarSummary } from '../../../contracts/calendar/pinned.js';
import { messageOf, SluiceError } from '../../../contracts/errors.js';
import type { Json } from '../../../contracts/json.js';
import { EXIT } from '../../terminal/exit-codes.js';
import { readInputFile } from '../../terminal/input.js';
import { tableLines } from '../../terminal/table.js';
import type { Terminal } from '../../terminal/terminal.js';

/**
 * `sluice calendars put NAME FILE`.
 * @param file YAML or JSON
 * @throws SluiceError INPUT_INVALID, WORKER_NOT_FOUND
 */
export async function putCalendarCommand(
  client: SluiceClient,
  terminal: Terminal,
  name: string,
  file: string,
): Promise<number> {
  const { version, created } = await client.calendars.put(name, read(await readInputFile(file), file));
  terminal.data({ name, version, created });
  terminal.print(
    `${name} version ${version}  ${created ? 'stored' : 'unchanged'}; tasks that have begun keep theirs`,
  );
  return EXIT.ok;
}

function read(text: string, file: string): Json {
  try {
    return parse(text) as Json;
  } catch (error) {
    throw new SluiceError('INPUT_INVALID', `${file} is not YAML or JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** `sluice calendars list`. */
export async function listCalendarsCommand(
  client: SluiceClient,
  terminal: Terminal,
  page: { readonly limit?: number; readonly after?: string },
): Promise<number> {
  const { items, next } = await client.calendars.list(page);
  terminal.data({ items: items.map((item) => ({ ...item })), next });
  const columns = tableLines(
    [
      ['NAME', ({ name }: CalendarSummary) => name],
      ['VERSION', ({ version }) => String(version)],
      ['SINCE', ({ at }) => at],
      ['BY', ({ by }) => by],
    ],
    items,
  );
  for (const line of columns) terminal.print(line);
  if (next !== null) terminal.note(`More: --after ${next}`);
  return EXIT.ok;
}

/** `sluice calendars show NAME`. */
export async function showCalendarCommand(
  client: SluiceClient,
  terminal: Terminal,
  name: string,
): Promise<number> {
  const found = await client.calendars.get(name);
  terminal.data(JSON.parse(JSON.stringify(found)) as Json);
  terminal.note(`${name} version ${found.version}, put ${found.at} by ${found.by}`);
  terminal.print(JSON.stringify(found.calendar, null, 2));
  return EXIT.ok;
}
