/**
 * A file of keys that is read again when it has changed, so that revoking a key needs no restart.
 *
 * Invariant: what counts is the last file that was whole and valid. One that is half written, broken or gone
 * changes nothing, is reported once, and is read again at its next change.
 */
import { stat } from 'node:fs/promises';
import { messageOf } from '../../contracts/errors.js';

/** How often the file is looked at, ms. It is asked, not watched: a mounted secret reports no changes. */
const LOOK_MS = 1_000;

export interface RereadLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export class RereadFile<T> {
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | undefined;

  private constructor(
    private readonly path: string,
    private readonly read: (path: string) => Promise<T>,
    private readonly log: RereadLog,
    private last: { seen: string; value: T },
  ) {
    this.#timer = setInterval(() => void this.look(), LOOK_MS).unref();
  }

  /** Reads the file for the first time. @throws what `read` throws */
  static async open<T>(
    path: string,
    read: (path: string) => Promise<T>,
    log: RereadLog,
  ): Promise<RereadFile<T>> {
    const seen = await signatureOf(path);
    return new RereadFile(path, read, log, { seen, value: await read(path) });
  }

  get value(): T {
    return this.last.value;
  }

  /** Reads the file if it has changed. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const now = await signatureOf(this.path);
    if (now === this.last.seen) return;
    // Taken before the file is read: what is written meanwhile is a change again.
    this.last.seen = now;
    try {
      this.last.value = await this.read(this.path);
      this.log.info({ file: this.path }, 'The file of keys has changed and was read again');
    } catch (error) {
      this.log.error(
        { file: this.path, reason: messageOf(error) },
        'The file of keys has changed and is not valid: the keys of the last valid one still count',
      );
    }
  }
}

/** Changes whenever the file does, also where another file takes its place. */
async function signatureOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return messageOf(error);
  }
}
