/**
 * Usual commits that are waiting at the same time, in one transaction.
 *
 * Most of what a transaction costs is not its rows: the request, the parsing, the begin and the end. Twenty runs, or
 * fifty lanes of one run, want to commit all the time; what comes while one transaction is on its way goes into the
 * next one. Nobody waits for others to come: a commit that is alone goes at once.
 *
 * Invariants
 * - A commit is told its own outcome. Where the transaction that they share fails, each is sent alone: so one that is
 *   not as expected fails no other, and gets the error that it would have got alone.
 * - Where the database is away, all of them are told so; whether anything was written, nobody knows, as ever.
 * - Lanes that start together each bring the run's first event, until one of them is known to have committed it
 *   (workflows/interpreter/events/event-log.ts). It is written by the first of them; the others go on from there.
 * - Commits of one run take effect in the order in which they came, as far as one process has them (turns.ts).
 */
import { SluiceError } from '../../contracts/errors.js';
import { isJsonObject } from '../../contracts/json.js';
import type { Database, Variables } from '../connection/connection.js';
import { inTurn } from '../connection/turns.js';
import { commit, type Faults, type Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';
import { isUnusual, joinWork, OPEN_STEPS, usualStatements, type UsualWork } from './fast-path.js';

/** Most commits of one transaction. */
const MOST = 64;
/** Characters of text above which a commit shares with no other: it would make them wait. */
const LARGE = 65_536;

/** Runs whose begin is remembered: the latest. */
const MOST_BEGUN = 1_000;

/** What else belongs to the transaction of a commit, which then shares it with no other. */
export interface Alone {
  readonly statements: readonly Statement[];
  readonly variables: Variables;
}

interface Waiting {
  readonly work: UsualWork;
  readonly alone: Alone | undefined;
  readonly faults: Faults | undefined;
  done(): void;
  failed(error: unknown): void;
}

/** What one transaction knows of the begins of its runs. */
interface Begins {
  /** Which it writes: the first event as text, by run. */
  readonly written: Map<string, string>;
  /** Runs that are remembered to have begun. */
  readonly known: string[];
}

class Queue {
  private readonly waiting: Waiting[] = [];
  /** The first events of runs that were begun here, as text, by run. */
  private readonly begun = new Map<string, string>();
  private running = false;

  constructor(private readonly database: Database) {}

  add(waiting: Waiting): void {
    this.waiting.push(waiting);
    if (!this.running) void this.run();
  }

  /** It never rejects: each commit is told what became of it. */
  private async run(): Promise<void> {
    this.running = true;
    while (this.waiting.length > 0) await this.send(this.next());
    this.running = false;
  }

  /** Those that go together, from the first on. */
  private next(): readonly Waiting[] {
    const first = this.waiting.findIndex(({ alone }) => alone !== undefined);
    return this.waiting.splice(0, first < 0 ? MOST : Math.min(MOST, Math.max(1, first)));
  }

  private async send(all: readonly Waiting[]): Promise<void> {
    const faults = all.find((one) => one.faults !== undefined)?.faults;
    const now: Begins = { written: new Map(), known: [] };
    try {
      // In here as well: what was thrown outside would leave all that wait without an answer.
      const works = all.map(({ work }) => this.begin(work, now));
      await write({ database: this.database, faults }, joinWork(works), all[0]?.alone);
      this.remember(now.written);
      for (const one of all) one.done();
    } catch (error) {
      if (now.known.length > 0 && isUnusual(error)) {
        // What is remembered may be no more: rows that were removed meanwhile are made again.
        for (const run of now.known) this.begun.delete(run);
        await this.send(all);
      } else if (all.length === 1 || isAway(error)) {
        for (const one of all) one.failed(error);
      } else {
        for (const one of all) await this.send([one]);
      }
    }
  }

  /** The work without the run's begin where that has been written, or is written by another of this transaction. */
  private begin(work: UsualWork, now: Begins): UsualWork {
    const [head] = work.begun ?? [];
    const [start, ...events] = work.events ?? [];
    if (head === undefined || start === undefined) return work;
    const run = JSON.stringify(head.head.id);
    const row = JSON.stringify(start);
    const here = now.written.get(run);
    const before = this.begun.get(run);
    if (here === undefined && before !== row) now.written.set(run, row);
    if ((here ?? before) !== row) return work;
    if (here === undefined) now.known.push(run);
    return { ...work, begun: [], events, advanced: [{ ...head, first: Number((events[0] ?? start).id[2]) }] };
  }

  private remember(begun: ReadonlyMap<string, string>): void {
    for (const [run, start] of begun) this.begun.set(run, start);
    for (const run of this.begun.keys()) {
      if (this.begun.size <= MOST_BEGUN) return;
      this.begun.delete(run);
    }
  }
}

const queues = new WeakMap<Database, Queue>();

/**
 * Commits usual work.
 * @param alone further statements of the same transaction, after those of the work
 * @throws what `commit` does; where `isUnusual` of that is true, nothing was written
 */
export function commitUsually({ database, faults }: Writer, work: UsualWork, alone?: Alone): Promise<void> {
  if (isLarge(work)) return writeLarge({ database, faults }, work, alone);
  let queue = queues.get(database);
  if (queue === undefined) queues.set(database, (queue = new Queue(database)));
  const joined = queue;
  return new Promise((done, failed) => joined.add({ work, alone, faults, done, failed }));
}

/** One that is large goes by itself, in turn with those of its run that do so too: they all write its head. */
function writeLarge(writer: Writer, work: UsualWork, alone?: Alone): Promise<void> {
  const send = () => write(writer, work, alone);
  const [tenant, runId] = work.events?.[0]?.id ?? [];
  if (typeof tenant !== 'string' || typeof runId !== 'string') return send();
  return inTurn(writer.database, { tenant, runId }, send);
}

async function write({ database, faults }: Writer, work: UsualWork, alone?: Alone): Promise<void> {
  const send = (ahead: boolean) =>
    commit(
      database,
      [...usualStatements(work, ahead), ...(alone?.statements ?? [])],
      { ...alone?.variables, ...work },
      faults,
    );
  try {
    await send(false);
  } catch (error) {
    if (!isUnusual(error) || statementOf(error) !== OPEN_STEPS) throw error;
    await send(true);
  }
}

/** The label of the statement that failed. */
function statementOf(error: unknown): unknown {
  return error instanceof SluiceError && isJsonObject(error.details) ? error.details['statement'] : undefined;
}

function isAway(error: unknown): boolean {
  return error instanceof SluiceError && error.code === 'DATABASE_UNAVAILABLE';
}

function isLarge({ blobs = [], events = [], invocations = [], ended = [] }: UsualWork): boolean {
  if (blobs.length > 0) return true;
  const texts = [
    ...events.map(({ data }) => data),
    ...invocations.map(({ input }) => input),
    ...ended.map(({ outcome }) => outcome['output']),
  ];
  return texts.reduce<number>((sum, text) => sum + (typeof text === 'string' ? text.length : 0), 0) > LARGE;
}
