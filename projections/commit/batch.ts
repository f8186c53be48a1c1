/**
 * Commits on the fast path that wait at the same time share a transaction.
 *
 * Most of the cost of a transaction is not its rows but the request, the parsing, the begin and the end.
 * Twenty runs, or fifty lanes of one run, commit all the time: commits that arrive while one transaction is
 * in flight go into the next one. No commit waits for others to arrive: one that is alone goes at once.
 *
 * Invariants
 * - Each commit gets its own outcome. If the shared transaction fails, each commit is sent alone. So one
 *   that doesn't fit fails no other, and gets the error that it would have got alone.
 * - If the database is unavailable, all of them get that error; whether anything was written is unknown, as
 *   always.
 * - Lanes that start together each bring the run's first event, until one of them has acknowledged it
 *   (event-log.ts of the interpreter). The first of them writes it; the others go on from there.
 * - Commits of one run take effect in the order in which they arrived, as far as one process sees them
 *   (turns.ts).
 */
import { SluiceError } from '../../contracts/errors.js';
import { isJsonObject } from '../../contracts/json.js';
import type { Database, Variables } from '../connection/connection.js';
import { inTurn } from '../connection/turns.js';
import { commit, type Faults, type Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';
import { isFastPathMiss, joinWork, OPEN_STEPS, fastPathStatements, type FastPathWork } from './fast-path.js';

/** Commits in one transaction at most. */
const MOST_COMMITS = 64;
/** Characters of text above which a commit gets a transaction to itself: others would wait for it. */
const LARGE_TEXT = 65_536;

/** How many runs' first events are remembered; the oldest are forgotten. */
const REMEMBERED_RUNS = 1_000;

/** Further statements of a commit's transaction, which it then shares with no other. */
export interface ExtraStatements {
  readonly statements: readonly Statement[];
  readonly variables: Variables;
}

interface PendingCommit {
  readonly work: FastPathWork;
  readonly extra: ExtraStatements | undefined;
  readonly faults: Faults | undefined;
  resolve(): void;
  reject(error: unknown): void;
}

/** The runs that one transaction begins, or finds begun. */
interface RunBegins {
  /** The first event that it writes, as text, by run. */
  readonly written: Map<string, string>;
  /** Runs that began earlier, as remembered. */
  readonly remembered: string[];
}

class Queue {
  private readonly waiting: PendingCommit[] = [];
  /** The first events of runs that this process began, as text, by run. */
  private readonly begun = new Map<string, string>();
  private running = false;

  constructor(private readonly database: Database) {}

  add(pending: PendingCommit): void {
    this.waiting.push(pending);
    if (!this.running) void this.run();
  }

  /** Never rejects: each commit gets its own outcome. */
  private async run(): Promise<void> {
    this.running = true;
    while (this.waiting.length > 0) await this.send(this.next());
    this.running = false;
  }

  /** The next commits that share a transaction, from the first on. */
  private next(): readonly PendingCommit[] {
    const exclusive = this.waiting.findIndex(({ extra }) => extra !== undefined);
    return this.waiting.splice(
      0,
      exclusive < 0 ? MOST_COMMITS : Math.min(MOST_COMMITS, Math.max(1, exclusive)),
    );
  }

  private async send(all: readonly PendingCommit[]): Promise<void> {
    const faults = all.find((pending) => pending.faults !== undefined)?.faults;
    const begins: RunBegins = { written: new Map(), remembered: [] };
    try {
      // Inside the `try`: an error thrown outside it would leave every waiting commit without an answer.
      const works = all.map(({ work }) => this.begin(work, begins));
      await writeFastPath({ database: this.database, faults }, joinWork(works), all[0]?.extra);
      this.remember(begins.written);
      for (const pending of all) pending.resolve();
    } catch (error) {
      if (begins.remembered.length > 0 && isFastPathMiss(error)) {
        // The rows of a remembered run may have been removed meanwhile; create them again.
        for (const run of begins.remembered) this.begun.delete(run);
        await this.send(all);
      } else if (all.length === 1 || isAway(error)) {
        for (const pending of all) pending.reject(error);
      } else {
        for (const pending of all) await this.send([pending]);
      }
    }
  }

  /**
   * Drops the run's begin from the work where it is written already, or another commit of this transaction
   * writes it.
   */
  private begin(work: FastPathWork, begins: RunBegins): FastPathWork {
    const [head] = work.begun ?? [];
    const [start, ...events] = work.events ?? [];
    if (head === undefined || start === undefined) return work;
    const run = JSON.stringify(head.head.id);
    const row = JSON.stringify(start);
    const writtenNow = begins.written.get(run);
    const writtenBefore = this.begun.get(run);
    if (writtenNow === undefined && writtenBefore !== row) begins.written.set(run, row);
    if ((writtenNow ?? writtenBefore) !== row) return work;
    if (writtenNow === undefined) begins.remembered.push(run);
    return { ...work, begun: [], events, advanced: [{ ...head, first: Number((events[0] ?? start).id[2]) }] };
  }

  private remember(begun: ReadonlyMap<string, string>): void {
    for (const [run, start] of begun) this.begun.set(run, start);
    for (const run of this.begun.keys()) {
      if (this.begun.size <= REMEMBERED_RUNS) return;
      this.begun.delete(run);
    }
  }
}

const queues = new WeakMap<Database, Queue>();

/**
 * Commits work on the fast path.
 * @param extra further statements of the same transaction, after those of the work
 * @throws what `commit` throws; where `isFastPathMiss` says so, nothing was written
 */
export function commitFastPath(
  { database, faults }: Writer,
  work: FastPathWork,
  extra?: ExtraStatements,
): Promise<void> {
  if (isLarge(work)) return writeLarge({ database, faults }, work, extra);
  let queue = queues.get(database);
  if (queue === undefined) queues.set(database, (queue = new Queue(database)));
  const joined = queue;
  return new Promise((resolve, reject) => joined.add({ work, extra, faults, resolve, reject }));
}

/** A large commit goes by itself, in turn with other large ones of its run: they all write the run's head. */
function writeLarge(writer: Writer, work: FastPathWork, extra?: ExtraStatements): Promise<void> {
  const send = () => writeFastPath(writer, work, extra);
  const [tenant, runId] = work.events?.[0]?.id ?? [];
  if (typeof tenant !== 'string' || typeof runId !== 'string') return send();
  return inTurn(writer.database, { tenant, runId }, send);
}

async function writeFastPath(
  { database, faults }: Writer,
  work: FastPathWork,
  extra?: ExtraStatements,
): Promise<void> {
  const send = (ahead: boolean) =>
    commit(
      database,
      [...fastPathStatements(work, ahead), ...(extra?.statements ?? [])],
      { ...extra?.variables, ...work },
      faults,
    );
  try {
    await send(false);
  } catch (error) {
    if (!isFastPathMiss(error) || labelOfFailure(error) !== OPEN_STEPS) throw error;
    await send(true);
  }
}

/** The label of the statement that failed. */
function labelOfFailure(error: unknown): unknown {
  return error instanceof SluiceError && isJsonObject(error.details) ? error.details['statement'] : undefined;
}

function isAway(error: unknown): boolean {
  return error instanceof SluiceError && error.code === 'DATABASE_UNAVAILABLE';
}

function isLarge({ blobs = [], events = [], invocations = [], ended = [] }: FastPathWork): boolean {
  if (blobs.length > 0) return true;
  const texts = [
    ...events.map(({ data }) => data),
    ...invocations.map(({ input }) => input),
    ...ended.map(({ outcome }) => outcome['output']),
  ];
  return (
    texts.reduce<number>((sum, text) => sum + (typeof text === 'string' ? text.length : 0), 0) > LARGE_TEXT
  );
}
