/** The log of a run as lines that a case can name; see `case-schema.ts`. */
import type { RunEvent } from '../../../contracts/run/run-events.js';

/** Step ids by step path, as the events of a log tell them. */
function stepIds(log: readonly RunEvent[]): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  for (const event of log) {
    if (event.stepPath !== undefined && 'id' in event.data) ids.set(event.stepPath, event.data.id);
  }
  return ids;
}

export interface LogLine {
  readonly event: RunEvent;
  /** `TYPE id[0,2]#2` */
  readonly text: string;
  /** Step id with iteration. */
  readonly step: string | undefined;
}

/** Lines of the log, in its order. */
export function linesOf(log: readonly RunEvent[]): readonly LogLine[] {
  const ids = stepIds(log);
  return log.map((event) => {
    if (event.stepPath === undefined) return { event, text: event.type, step: undefined };
    const iteration = event.iteration === undefined ? '' : `[${event.iteration.join(',')}]`;
    const step = `${ids.get(event.stepPath) ?? event.stepPath}${iteration}`;
    const attempt = (event.attempt ?? 1) > 1 ? `#${event.attempt}` : '';
    return { event, step, text: `${event.type} ${step}${attempt}` };
  });
}

/** Whether a line of the log is the one that a case names. */
export function isLine(line: LogLine, named: string): boolean {
  return isText(line.text, named);
}

/** The same for the text of a line. */
export function isText(full: string, named: string): boolean {
  if (full === named) return true;
  let text = full;
  if (!named.includes('#')) text = text.replace(/#\d+$/, '');
  if (!named.includes('[')) text = text.replace(/\[[\d,]+\]/, '');
  if (!named.includes(' ')) text = text.replace(/ .*/, '');
  return text === named;
}

/** How often the log has the line. */
export function countOf(log: readonly RunEvent[], named: string): number {
  return linesOf(log).filter((line) => isLine(line, named)).length;
}
