import { describe, expect, it } from 'vitest';
import { durationToMs, instantToMs, LONGEST_MS } from '../../contracts/definition/index.js';

describe('a duration', () => {
  it.each([
    ['PT0S', 0],
    ['PT1S', 1_000],
    ['PT90S', 90_000],
    ['PT0.5S', 500],
    ['PT1,25S', 1_250],
    ['PT0.0004S', 0],
    ['PT1M', 60_000],
    ['PT2H30M', 9_000_000],
    ['P1D', 86_400_000],
    ['P1DT1S', 86_401_000],
    ['P2W', 1_209_600_000],
    ['P1W2DT3H4M5S', 788_645_000],
    ['P36525D', LONGEST_MS],
  ])('the duration %s has %d ms', (text, ms) => {
    expect(durationToMs(text)).toBe(ms);
  });

  it.each([
    '',
    'P',
    'PT',
    'P1DT',
    'P1M',
    'P1Y',
    'P1Y2M',
    '-PT1S',
    'P-1D',
    '+P1D',
    'PT1.5M',
    'PT1.5H',
    'P1.5D',
    'PT1',
    'PT1s',
    'pt1s',
    '1S',
    'PT1S ',
    'PT1H1D',
    'PT.5S',
    'PT1.S',
    'P36526D',
    `PT${'9'.repeat(400)}S`,
  ])('the text %s is not a duration', (text) => {
    expect(durationToMs(text)).toBeUndefined();
  });
});

describe('an instant', () => {
  it.each([
    ['2026-03-01T09:00:00Z', Date.UTC(2026, 2, 1, 9)],
    ['2026-03-01T09:00:00+01:00', Date.UTC(2026, 2, 1, 8)],
    ['2026-03-01T09:00:00.250-05:30', Date.UTC(2026, 2, 1, 14, 30, 0, 250)],
    ['2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
  ])('the instant %s is %d ms after the epoch', (text, ms) => {
    expect(instantToMs(text)).toBe(ms);
  });

  it.each([
    '2026-03-01T09:00:00',
    '2026-03-01',
    '09:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-03-01T24:00:00Z',
    '2026-03-01T09:60:00Z',
    '2026-03-01 09:00:00Z',
    '1 March 2026',
    '',
    '2026-03-01T09:00:00+25:00',
  ])('the text %s is not an instant: it means nothing, or another time on another machine', (text) => {
    expect(instantToMs(text)).toBeUndefined();
  });
});
