/** docs/support-posture.md is written by hand; these tests hold what it says about code against the code. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LEGACY_ACTIONS } from '../../client/runs/legacy.js';
import { ERRORS } from '../../contracts/errors.js';
import { RunStatus } from '../../contracts/run/run.js';
import { RUN_EVENT_DATA } from '../../contracts/run/run-events.js';
import { Variables } from '../../worker/config/config-variables.js';
import { BridgeVariables } from '../../worker/config/bridge-config.js';
import { unknownCommands } from './support/commands.js';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = read('docs/support-posture.md');
const schema = read('test/projections/migrations/schema.snapshot.txt');
const codes = [...page.matchAll(/`([^`\n]+)`/g)].map((found) => found[1] as string);

/** First cells of the table whose head begins with that. */
function firstCells(head: string): string[] {
  const [, rows] = page.split(`| ${head}`);
  const body = (rows ?? '').split('\n').slice(2);
  const table = body.slice(
    0,
    body.findIndex((line) => !line.startsWith('|')),
  );
  return table.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((cell) => cell[1] as string),
  );
}

/** Values that the schema, or a type in the code, allows. */
const literals = (path: string, type: string): string[] => {
  const [, after = ''] = read(path).split(`${type} =`);
  return [...after.slice(0, after.indexOf('\n\n')).matchAll(/'([A-Z_]+)'/g)].map(
    (found) => found[1] as string,
  );
};

describe('docs/support-posture.md', () => {
  it('the page has four parts', () => {
    expect(page.match(/^## \d\. /gm)).toHaveLength(4);
  });

  it('every error code, run event and variable that the page names exists', () => {
    const words = codes.filter((code) => /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(code));
    const known = new Set([
      ...Object.keys(ERRORS),
      ...Object.keys(RUN_EVENT_DATA),
      ...Object.keys(Variables.shape),
      ...Object.keys(BridgeVariables.shape),
      ...RunStatus.options,
      ...literals('projections/writers/events/finish-event.ts', 'export type EventOutcome'),
    ]);
    expect(words.filter((word) => !known.has(word))).toEqual([]);
    expect(words.length).toBeGreaterThan(20);
  });

  it('the page lists every action that is refused, and no other', () => {
    expect(firstCells('action | why it is refused').sort()).toEqual([...LEGACY_ACTIONS].sort());
  });

  it('the page explains every outcome of an event, and every status of its delivery to a run', () => {
    const outcomes = literals('projections/writers/events/finish-event.ts', 'export type EventOutcome');
    expect(firstCells('`inbound_event.outcome`')).toEqual(outcomes);
    const allowed = /DEFINE FIELD status ON event_delivery .*\[(.*?)\]/.exec(schema)?.[1] ?? '';
    expect(firstCells('status | what it means')).toEqual(
      allowed.split(', ').map((name) => name.replaceAll("'", '')),
    );
  });

  it('the page explains every status of a run', () => {
    expect(firstCells('`run.status` | what Temporal has').sort()).toEqual([...RunStatus.options].sort());
  });

  it('every field that the page names is in the schema', () => {
    const fields = codes.filter(
      (code) => /^[a-z_]+\.[a-z_]+$/.test(code) && schema.includes(`ON ${code.split('.')[0]} `),
    );
    const missing = fields.filter((field) => {
      const [table = '', name = ''] = field.split('.');
      return !new RegExp(`^DEFINE FIELD ${name} ON ${table} `, 'm').test(schema);
    });
    expect(missing).toEqual([]);
    expect(fields.length).toBeGreaterThan(20);
  });

  it('every command of sluice that the page names exists', () => {
    expect(unknownCommands(page)).toEqual([]);
  });
});
