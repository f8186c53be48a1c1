/**
 * "Where is my order?": runs that a text may mean.
 *
 * Invariants
 * - It is made of what lists and waits show, so a value that they hide is neither found nor told.
 * - A run id is looked up, however old the run is, and so is a key as started. The rest is searched
 *   among the newest runs of the window, a bounded number; `cut` says when there were more.
 * - A key that only looks like the text is a near miss, and is told as it is written.
 */
import type { Page, PageRequest, RunSummary, WaitView } from '../../projections/index.js';

/** How a run was found, the surest first. */
const FOUND_BY = ['run id', 'key as started', 'workflow id', 'key as waited for', 'near miss'] as const;
export type FoundBy = (typeof FOUND_BY)[number];

export interface FoundRun {
  readonly run: RunSummary;
  readonly by: FoundBy;
  /** The key or id that was found, as it is written. */
  readonly value: string;
}

export interface Findings {
  /** The surest first; then the newest first. */
  readonly found: readonly FoundRun[];
  /** Runs that were looked through. */
  readonly searched: number;
  /** True: the window holds more runs than were looked through. */
  readonly cut: boolean;
}

/** What a search reads. */
export interface FindReads {
  readonly byId: (runId: string) => Promise<RunSummary | undefined>;
  readonly byKey: (key: string, page: PageRequest) => Promise<Page<RunSummary>>;
  /** The runs of the window, newest first. */
  readonly newest: (page: PageRequest) => Promise<Page<RunSummary>>;
  readonly waits: (runId: string, page: PageRequest) => Promise<Page<WaitView>>;
}

const PAGE_SIZE = 500;
/** Most waiting runs whose waits are read. */
const WAITING_MOST = 200;
/** Most runs that are told. */
const TOLD = 50;

/** @param most most runs that are looked through */
export async function findRuns(reads: FindReads, text: string, most: number): Promise<Findings> {
  const found = new Map<string, FoundRun>();
  const add = (run: RunSummary, by: FoundBy, value: string): void => {
    const known = found.get(run.runId);
    if (known !== undefined && FOUND_BY.indexOf(known.by) <= FOUND_BY.indexOf(by)) return;
    found.set(run.runId, { run, by, value });
  };
  const named = await reads.byId(text);
  if (named !== undefined) add(named, 'run id', named.runId);
  for (const run of (await reads.byKey(text, { limit: TOLD })).items) add(run, 'key as started', text);
  const looks = looksLike(text);
  let searched = 0;
  let waiting = 0;
  let cut = false;
  for (let after: string | undefined; ;) {
    const limit = Math.min(PAGE_SIZE, most - searched);
    const page = await reads.newest({ limit, ...(after !== undefined && { after }) });
    searched += page.items.length;
    for (const run of page.items) {
      if (run.workflowId === text) add(run, 'workflow id', run.workflowId);
      for (const key of run.correlationKeys) {
        if (key !== text && looksLike(key) === looks) add(run, 'near miss', key);
      }
      if (run.status !== 'WAITING') continue;
      if (waiting++ >= WAITING_MOST) {
        cut = true;
        continue;
      }
      const { items, next } = await reads.waits(run.runId, { limit: PAGE_SIZE });
      if (next !== null) cut = true;
      for (const { status, correlationKey: key } of items) {
        if (status !== 'WAITING' || key === null) continue;
        if (key === text) add(run, 'key as waited for', key);
        else if (looksLike(key) === looks) add(run, 'near miss', key);
      }
    }
    if (page.next === null) break;
    after = page.next;
    if (searched >= most) {
      cut = true;
      break;
    }
  }
  const sure = [...found.values()].sort(
    (a, b) =>
      FOUND_BY.indexOf(a.by) - FOUND_BY.indexOf(b.by) ||
      Date.parse(b.run.startedAt) - Date.parse(a.run.startedAt),
  );
  return { found: sure.slice(0, TOLD), searched, cut: cut || sure.length > TOLD };
}

/** Letters and digits that people take for another: Cyrillic and Greek ones, and 0 and o, 1, i and l. */
const ALIKE: Readonly<Record<string, string>> = {
  ...{ а: 'a', в: 'b', е: 'e', к: 'k', м: 'm', н: 'h', о: 'o', р: 'p', с: 'c', т: 't', у: 'y', х: 'x' },
  ...{
    і: 'l',
    ј: 'j',
    ѕ: 's',
    α: 'a',
    β: 'b',
    ε: 'e',
    ι: 'l',
    κ: 'k',
    ν: 'v',
    ο: 'o',
    ρ: 'p',
    τ: 't',
    χ: 'x',
  },
  ...{ '0': 'o', '1': 'l', i: 'l', '|': 'l' },
};

/** The same for texts that look alike: case, blanks, invisible characters, dashes, look-alikes. */
function looksLike(text: string): string {
  const folded = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\p{Cf}\p{Cc}]/gu, '')
    .replace(/[\p{Pd}_]/gu, '-');
  return [...folded].map((letter) => ALIKE[letter] ?? letter).join('');
}
