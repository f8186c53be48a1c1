/**
 * [no-false-alarm]: documents as people write them have no problem. Each file of this folder is a process
 * that runs; its first line says what is unusual in it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readDefinition } from '../../../definitions/index.js';
import { known } from './known.js';

const FOLDER = new URL('./', import.meta.url);
const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));

it('[no-false-alarm] the folder has forty correct documents', () => {
  expect(files.length).toBeGreaterThanOrEqual(40);
});

it.each(files)('[no-false-alarm] validation has nothing to say about %s', (file) => {
  const read = readDefinition(readFileSync(new URL(file, FOLDER), 'utf8'), 'yaml', known);
  expect(read.warnings).toEqual([]);
  expect(`${read.definition.id}.yaml`).toBe(file);
});
