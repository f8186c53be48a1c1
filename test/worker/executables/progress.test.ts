import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { terminalStatus, withProgress } from '../../../worker/executables/progress.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A stream that keeps what is written to it. */
function stream(isTTY: boolean): { readonly out: NodeJS.WriteStream; readonly written: string[] } {
  const written: string[] = [];
  const out = { isTTY, columns: 40, write: (text: string) => written.push(text) > 0 };
  return { out: out as unknown as NodeJS.WriteStream, written };
}

const lasting = (ms: number) => () =>
  new Promise<string>((resolve) => setTimeout(() => resolve('built'), ms));

it('a slow step logs its elapsed time every 15 seconds where the output is not a terminal', async () => {
  const lines: string[] = [];
  const { out } = stream(false);
  const output = { log: (line: string) => lines.push(line), status: terminalStatus(out, {}) };
  const result = withProgress(output, 'Building', lasting(80_000));
  await vi.advanceTimersByTimeAsync(80_000);
  await expect(result).resolves.toBe('built');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(lines).toHaveLength(5);
  expect([lines[0], lines[4]]).toEqual(['Building … 15 s', 'Building … 1 min 15 s']);
});

it('a slow step updates one line every second on a terminal, and removes it at the end', async () => {
  const lines: string[] = [];
  const { out, written } = stream(true);
  const output = { log: (line: string) => lines.push(line), status: terminalStatus(out, {}) };
  const result = withProgress(output, 'Building', lasting(2_500), () => '12 of 40 MB');
  await vi.advanceTimersByTimeAsync(2_500);
  await expect(result).resolves.toBe('built');
  const clear = '\r\u001b[2K';
  expect(written).toEqual([
    `${clear}Building … 1 s, 12 of 40 MB`,
    `${clear}Building … 2 s, 12 of 40 MB`,
    clear,
  ]);
  expect(lines).toEqual([]);
});

it('a line that is too long for the terminal is cut, so that the next one replaces it', () => {
  const { out, written } = stream(true);
  terminalStatus(out, {})?.('x'.repeat(100));
  expect(written).toEqual([`\r\u001b[2K${'x'.repeat(39)}`]);
});

it('a step that fails stops its progress lines', async () => {
  const lines: string[] = [];
  const result = withProgress({ log: (line) => lines.push(line) }, 'Building', () =>
    Promise.reject(new Error('no')),
  );
  await expect(result).rejects.toThrow('no');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(lines).toEqual([]);
});

it('a line that is shown in place passes on no control character of data', () => {
  const { out, written } = stream(true);
  terminalStatus(out, {})?.('a\u001b]52;c;x\u0007b\u009bc');
  expect(written).toEqual(['\r\u001b[2Ka\\u001b]52;c;x\\u0007b\\u009bc']);
});
