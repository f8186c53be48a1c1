import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64decode, base64encode } from '../../expressions/metering/base64.js';
import { failure, value } from './support/evaluate-in.js';

const root = { n: null, s: 'héllo', e: '', l: [1, 2, 3], one: [1], o: { a: 1 }, b: false };

describe('helpers', () => {
  it.each<[string, unknown]>([
    ['nowIso()', '2024-05-01T10:00:00.000Z'],
    ['nowIso() = nowIso()', true],
    ['$toMillis(nowIso())', 1_714_557_600_000],
    ['coalesce(missing, n, s)', 'héllo'],
    ['coalesce(b, 1)', false],
    ['coalesce(e, 1)', ''],
    ['coalesce()', null],
    ['coalesce(missing, n)', null],
    ['coalesce(l, 1)', [1, 2, 3]],
    ['$map([1, 2], $coalesce)', [1, 2]],
    ['len(s)', 5],
    ['len("😀")', 1],
    ['len(l)', 3],
    ['len(one)', 1],
    ['len([])', 0],
    ['len(n)', 0],
    ['len(missing)', 0],
    ['len()', 0],
    ['$map(["a", "bb"], $len)', [1, 2]],
    ['toString(missing)', ''],
    ['toString(n)', ''],
    ['toString("a")', 'a'],
    ['toString(1.5)', '1.5'],
    ['toString(b)', 'false'],
    ['toString(o)', '{"a":1}'],
    ['toString(l)', '[1,2,3]'],
    ['toString(0.1 + 0.2)', '0.3'],
    ['append(n, 1)', [1]],
    ['append(missing, 1)', [1]],
    ['append([], 1)', [1]],
    ['append(l, l)', [1, 2, 3, [1, 2, 3]]],
    ['append(l, n)', [1, 2, 3, null]],
    ['append(5, 6)', [5, 6]],
    ['append(append(n, 1), 2)', [1, 2]],
    ['$reduce(l, function($a, $x) { append($a, $x * 2) }, [])', [2, 4, 6]],
    ['append(?, 9)(l)', [1, 2, 3, 9]],
    ['append(l[$ > 5], 1)', [1]],
  ])('%s has the expected value', (source, expected) => {
    expect(value(source, root)).toEqual(expected);
  });

  it.each(['len(1)', 'len(o)', 'len(b)', 'toString($sum)', 'len($sum)'])('%s is an error', (source) => {
    expect(failure(source, root).code).toBe('EXPRESSION_TYPE');
  });
});

describe('dateAdd', () => {
  it.each([
    ['"2024-01-31T00:00:00Z", "P1M"', '2024-02-29T00:00:00.000Z'],
    ['"2024-02-29T12:00:00Z", "P1Y"', '2025-02-28T12:00:00.000Z'],
    ['"2024-03-31T00:00:00Z", "-P1M"', '2024-02-29T00:00:00.000Z'],
    ['"2024-05-01T10:00:00+02:00", "PT90M"', '2024-05-01T09:30:00.000Z'],
    ['"2024-05-01T10:00:00Z", "PT0.25S"', '2024-05-01T10:00:00.250Z'],
    ['"2024-05-01T10:00:00Z", "P1W2DT3H"', '2024-05-10T13:00:00.000Z'],
    // The day on which summer time starts has 23 hours; 24 hours stay 24 hours.
    ['"2024-03-30T09:00:00Z", "P1D", "Europe/Paris"', '2024-03-31T08:00:00.000Z'],
    ['"2024-03-30T09:00:00Z", "PT24H", "Europe/Paris"', '2024-03-31T09:00:00.000Z'],
    // 02:30 does not exist that night: it moves forward by the gap.
    ['"2024-03-30T01:30:00Z", "P1D", "Europe/Paris"', '2024-03-31T01:30:00.000Z'],
    // 02:30 occurs twice that night: the first one counts.
    ['"2024-10-26T00:30:00Z", "P1D", "Europe/Paris"', '2024-10-27T00:30:00.000Z'],
    ['"2024-03-09T20:00:00Z", "P1D", "America/New_York"', '2024-03-10T19:00:00.000Z'],
    ['"2024-06-01T00:00:00Z", "P1M", "Asia/Kathmandu"', '2024-07-01T00:00:00.000Z'],
    // A zone that skipped a whole day.
    ['"2011-12-29T20:00:00Z", "P1D", "Pacific/Apia"', '2011-12-30T20:00:00.000Z'],
  ])('dateAdd of %s is the expected instant', (args, expected) => {
    expect(value(`dateAdd(${args})`)).toBe(expected);
  });

  it.each([
    '"2024-05-01", "P1D"',
    '"2024-02-30T00:00:00Z", "P1D"',
    '"2024-05-01T10:00:00", "P1D"',
    '"2024-05-01T10:00:00Z", "1 day"',
    '"2024-05-01T10:00:00Z", ""',
    '"2024-05-01T10:00:00Z", "P0.5D"',
    '"2024-05-01T10:00:00Z", "P1D", "Europe/Nowhere"',
    '"2024-05-01T10:00:00Z", "P1D", "+02:00"',
    '"9999-12-31T00:00:00Z", "P9D"',
    '"2024-05-01T10:00:00Z", "P99999999Y"',
    '5, "P1D"',
    '"2024-05-01T10:00:00Z", 5',
    '"2024-05-01T10:00:00Z", "P1D", 5',
  ])('dateAdd refuses %s', (args) => {
    expect(failure(`dateAdd(${args})`).code).toBe('EXPRESSION_TYPE');
  });

  it('dateAdd of undefined is undefined', () => {
    expect(value('dateAdd(missing, "P1D")')).toBeNull();
  });
});

describe('dateDiff', () => {
  it.each<[string, unknown]>([
    ['"2024-05-01T10:00:00Z", "2024-05-01T10:00:01.500Z"', 'PT1.5S'],
    ['"2024-05-01T10:00:00Z", "2024-05-03T12:30:00Z"', 'P2DT2H30M'],
    ['"2024-05-03T12:30:00Z", "2024-05-01T10:00:00Z"', '-P2DT2H30M'],
    ['"2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z"', 'PT0S'],
    ['"2024-05-01T10:00:00Z", "2024-05-01T10:00:01.999Z", "seconds"', 1],
    ['"2024-05-01T10:00:01.999Z", "2024-05-01T10:00:00Z", "seconds"', -1],
    ['"2024-05-01T10:00:00Z", "2024-05-01T10:00:00.500Z", "milliseconds"', 500],
    ['"2024-01-31T00:00:00Z", "2024-02-29T00:00:00Z", "months"', 1],
    ['"2024-01-31T00:00:00Z", "2024-02-28T00:00:00Z", "months"', 0],
    ['"2020-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "years"', 4],
    ['"2024-03-30T12:00:00Z", "2024-03-31T11:00:00Z", "days", "Europe/Paris"', 1],
    ['"2024-03-30T12:00:00Z", "2024-03-31T11:00:00Z", "days"', 0],
    ['"2024-05-15T00:00:00Z", "2024-05-01T00:00:00Z", "weeks"', -2],
  ])('dateDiff of %s is the expected difference', (args, expected) => {
    expect(value(`dateDiff(${args})`)).toEqual(expected);
  });

  it('dateAdd with the result of dateDiff gives the second instant', () => {
    const zone = fc.constantFrom(
      'UTC',
      'Europe/Paris',
      'America/New_York',
      'Asia/Kolkata',
      'Australia/Lord_Howe',
    );
    const at = fc
      .integer({ min: Date.UTC(1975, 0), max: Date.UTC(2040, 0) })
      .map((ms) => new Date(ms).toISOString());
    fc.assert(
      fc.property(at, at, zone, (from, to, place) => {
        expect(value(`dateAdd(from, dateDiff(from, to, null, zone), zone)`, { from, to, zone: place })).toBe(
          to,
        );
      }),
      { seed: 4, numRuns: 500 },
    );
  });

  it('dateDiff refuses an unknown unit', () => {
    for (const unit of ['fortnights', 'constructor', 'day']) {
      expect(failure(`dateDiff(nowIso(), nowIso(), "${unit}")`).message).toContain('years');
    }
  });
});

describe('base64', () => {
  it('Base64 agrees with Buffer', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        expect(base64encode(text)).toBe(Buffer.from(text, 'binary').toString('base64'));
        const encoded = Buffer.from(text, 'utf8').toString('base64');
        expect(base64decode(encoded)).toBe(Buffer.from(encoded, 'base64').toString('binary'));
        const url = Buffer.from(text, 'utf8').toString('base64url');
        expect(base64decode(url)).toBe(Buffer.from(url, 'base64').toString('binary'));
      }),
      { seed: 4, numRuns: 2_000 },
    );
  });
});
