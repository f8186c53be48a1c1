import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type DefinitionFormat, readDefinition } from '../../definitions/index.js';

const hash = (text: string, format: DefinitionFormat = 'yaml') => readDefinition(text, format).hash;

const BASE = 'id: a\nversion: 1\nresult: { x: 1, y: [2, 3] }\nsteps: []\n';

describe('the hash of a definition', () => {
  it('the hash is the sha-256 of the document as JSON with its keys in the order of the author', () => {
    const json = '{"id":"a","version":1,"result":{"x":1,"y":[2,3]},"steps":[]}';
    expect(hash(BASE)).toBe(createHash('sha256').update(json).digest('hex'));
  });

  it('the hash does not depend on comments, blank lines, quotes, line ends, or the choice of YAML or JSON', () => {
    const same = [
      `# a comment\n\n${BASE}# another`,
      'id: "a"\nversion: 0x1\nresult:\n  x: 1\n  y:\n    - 2\n    - 3\nsteps: []',
      BASE.replaceAll('\n', '\r\n'),
      'id: &id a\nversion: 1\nresult: { x: &one 1, y: [2, 3] }\nsteps: []',
    ];
    for (const text of same) expect(hash(text)).toBe(hash(BASE));
    expect(hash('{ "id": "a", "version": 1, "result": { "x": 1, "y": [2, 3] }, "steps": [] }', 'json')).toBe(
      hash(BASE),
    );
  });

  it('the hash changes with any value and any order', () => {
    const other = [
      BASE.replace('x: 1', 'x: 2'),
      BASE.replace('x: 1', 'x: "1"'),
      BASE.replace('[2, 3]', '[3, 2]'),
      'id: a\nversion: 1\nresult: { y: [2, 3], x: 1 }\nsteps: []\n',
      'version: 1\nid: a\nresult: { x: 1, y: [2, 3] }\nsteps: []\n',
    ];
    expect(new Set([BASE, ...other].map((text) => hash(text))).size).toBe(6);
  });
});
