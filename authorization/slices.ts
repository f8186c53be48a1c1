/**
 * Slices of a policy set: a decision evaluates only the policies that can apply to its request.
 *
 * Cedar evaluates each policy of a set, at 2 µs each. Most policies are tied to a stage, a tenant, an action
 * or an actor (ties.ts): for any other they can't apply, whether they permit or forbid. A policy that is tied
 * to nothing is in every slice, so a slice decides as the whole set does.
 *
 * A slice is prepared when it is first needed, in a bounded number of slots: Cedar keeps prepared sets by
 * name, and using a name again replaces its set.
 */
import { SluiceError } from '../contracts/errors.js';
import { cedar } from './cedar.js';
import { tiesOf, type Facts, type Tie } from './ties.js';

interface Policy {
  readonly id: string;
  readonly text: string;
  /** Its ties, except the one by which it is found. */
  readonly others: readonly Tie[];
}

const SLOTS = 256;

export class Slices {
  readonly #policies: readonly Policy[];
  /** Indexes of the policies that are tied to nothing. */
  readonly #always: readonly number[];
  /** Fact → value → indexes of the policies that are tied to it. */
  readonly #byFact = new Map<string, Map<string, number[]>>();
  /** Slice → its slot, the least recently used first. */
  readonly #slots = new Map<string, string>();

  /**
   * @param policies text by id; they parse
   * @param name prefix of the slots' names, unique among instances
   */
  constructor(
    policies: ReadonlyMap<string, string>,
    private readonly name: string,
  ) {
    const always: number[] = [];
    this.#policies = [...policies].map(([id, text], place) => {
      const [first, ...others] = tiesOf(text);
      if (first === undefined) always.push(place);
      else for (const value of new Set(first.values)) this.#places(first.fact, value).push(place);
      return { id, text, others };
    });
    this.#always = always;
  }

  /** Name of the prepared set that decides a request. */
  prepared(facts: Facts): string {
    const tied = this.#tied(facts);
    const key = tied.join();
    const prepared = this.#slots.get(key);
    if (prepared !== undefined) {
      this.#slots.delete(key);
      this.#slots.set(key, prepared);
      return prepared;
    }
    const slot = this.#free();
    const applying = [...this.#always, ...tied].flatMap((place) => this.#policies[place] ?? []);
    const staticPolicies = Object.fromEntries(applying.map(({ id, text }) => [id, text]));
    const answer = cedar.preparsePolicySet(slot, { staticPolicies });
    if (answer.type === 'failure') {
      throw new SluiceError(
        'INTERNAL',
        `Policies that were valid do not parse: ${answer.errors[0]?.message}`,
      );
    }
    this.#slots.set(key, slot);
    return slot;
  }

  /** Indexes of the tied policies that can apply, in order. */
  #tied(facts: Facts): readonly number[] {
    const places: number[] = [];
    for (const [fact, values] of this.#byFact) {
      for (const value of new Set(facts.get(fact))) places.push(...(values.get(value) ?? []));
    }
    return places
      .filter((place) => this.#policies[place]?.others.every((tie) => holds(tie, facts)))
      .sort((a, b) => a - b);
  }

  #places(fact: string, value: string): number[] {
    const values = this.#byFact.get(fact) ?? new Map<string, number[]>();
    this.#byFact.set(fact, values);
    const places = values.get(value) ?? [];
    values.set(value, places);
    return places;
  }

  #free(): string {
    if (this.#slots.size < SLOTS) return `${this.name}-${this.#slots.size}`;
    const [oldest] = this.#slots;
    if (oldest === undefined) throw new SluiceError('INTERNAL', 'There is no slot for a slice');
    this.#slots.delete(oldest[0]);
    return oldest[1];
  }
}

function holds({ fact, values }: Tie, facts: Facts): boolean {
  return facts.get(fact)?.some((value) => values.includes(value)) ?? false;
}
