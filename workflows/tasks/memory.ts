/**
 * The answers that a task has given, by request id.
 *
 * Invariant: a request that comes again gets its first answer, also after a continue-as-new, as long as it is
 * among the last 200. The same id with another act is refused.
 */
import { SluiceError } from '../../contracts/errors.js';
import type { TaskAct } from '../../contracts/tasks/act.js';
import type { RememberedAnswer } from '../../contracts/tasks/record.js';
import { shortHash } from '../interpreter/state/hash.js';

const MOST_ANSWERS = 200;

export class AnswerMemory {
  private readonly answers = new Map<string, RememberedAnswer>();
  /** Requests that are being answered, with their prints. */
  private readonly open = new Map<string, string>();

  constructor(carried: readonly RememberedAnswer[]) {
    for (const answer of carried) this.answers.set(answer.requestId, answer);
  }

  /** Whether the request was made before. */
  knows({ requestId }: TaskAct): boolean {
    return this.answers.has(requestId) || this.open.has(requestId);
  }

  /** The answer to the request; undefined: not given yet. @throws SluiceError IDEMPOTENCY_KEY_REUSED */
  find(act: TaskAct): RememberedAnswer | undefined {
    const known = this.answers.get(act.requestId);
    const print = known?.print ?? this.open.get(act.requestId);
    if (print !== undefined && print !== printOf(act)) {
      throw new SluiceError('IDEMPOTENCY_KEY_REUSED', `The request ${act.requestId} was another act`);
    }
    return known;
  }

  begin(act: TaskAct): void {
    this.open.set(act.requestId, printOf(act));
  }

  /** Without an answer: the act failed, and may be sent again. */
  end(act: TaskAct, answer?: Pick<RememberedAnswer, 'answer' | 'refused'>): void {
    const { requestId } = act;
    this.open.delete(requestId);
    if (answer === undefined) return;
    this.answers.set(requestId, { requestId, print: printOf(act), ...answer });
    for (const oldest of this.answers.keys()) {
      if (this.answers.size <= MOST_ANSWERS) break;
      this.answers.delete(oldest);
    }
  }

  carried(): RememberedAnswer[] {
    return [...this.answers.values()];
  }
}

function printOf(act: TaskAct): string {
  return shortHash(JSON.stringify(act));
}
