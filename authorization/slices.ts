/**
 * Slices of a policy set: a decision evaluates only the policies that can apply to its stage and tenant.
 *
 * Cedar evaluates each policy of a set, at 2 µs each. Most policies name one stage (`resource == Stage::"…"`) or,
 * in a conjunction of their `when`, one tenant (`resource.tenant == "…"`): for any other they can't apply,
 * whether they permit or forbid. What can't be told so is in every slice, so a slice decides as the whole does.
 *
 * Slices are prepared when they are first needed and kept in a bounded number of slots: Cedar keeps what is
 * prepared by name, and a name that is used again replaces what was there.
 */
import cedar from '@cedar-policy/cedar-wasm/nodejs';
import { SluiceError } from '../contracts/errors.js';
import { isJsonObject, type Json } from '../contracts/json.js';

/** What a policy is tied to; absent: not to one. */
interface Ties {
  readonly stage?: string;
  readonly tenant?: string;
}

const SLOTS = 256;

export class Slices {
  readonly #policies: readonly (Ties & { readonly id: string; readonly text: string })[];
  readonly #stages: ReadonlySet<string>;
  readonly #tenants: ReadonlySet<string>;
  /** Slice → its slot, the one that was used longest ago first. */
  readonly #slots = new Map<string, string>();

  /**
   * @param policies text by id; they parse
   * @param name begins the names of the slots; no other instance has it
   */
  constructor(
    policies: ReadonlyMap<string, string>,
    private readonly name: string,
  ) {
    this.#policies = [...policies].map(([id, text]) => ({ id, text, ...tiesOf(text) }));
    this.#stages = new Set(this.#policies.flatMap(({ stage }) => stage ?? []));
    this.#tenants = new Set(this.#policies.flatMap(({ tenant }) => tenant ?? []));
  }

  /** Name of the prepared set that decides about a stage of a tenant. */
  prepared(stage: string, tenant: string): string {
    const ofStage = this.#stages.has(stage) ? stage : undefined;
    const ofTenant = this.#tenants.has(tenant) ? tenant : undefined;
    const key = JSON.stringify([ofStage, ofTenant]);
    const known = this.#slots.get(key);
    if (known !== undefined) {
      this.#slots.delete(key);
      this.#slots.set(key, known);
      return known;
    }
    const slot = this.#free();
    const applying = this.#policies.filter(
      (policy) =>
        (policy.stage === undefined || policy.stage === ofStage) &&
        (policy.tenant === undefined || policy.tenant === ofTenant),
    );
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

  #free(): string {
    if (this.#slots.size < SLOTS) return `${this.name}-${this.#slots.size}`;
    const [oldest] = this.#slots;
    if (oldest === undefined) throw new SluiceError('INTERNAL', 'There is no slot for a slice');
    this.#slots.delete(oldest[0]);
    return oldest[1];
  }
}

function tiesOf(text: string): Ties {
  const answer = cedar.policyToJson(text);
  if (answer.type === 'failure') return {};
  const { resource, conditions } = answer.json as unknown as { resource: Json; conditions: readonly Json[] };
  const stage = at(resource, 'op') === '==' ? at(at(resource, 'entity'), 'id') : undefined;
  const tenant = conditions
    .filter((condition) => at(condition, 'kind') === 'when')
    .map((condition) => tenantOf(at(condition, 'body')))
    .find((found) => found !== undefined);
  return { ...(typeof stage === 'string' && { stage }), ...(tenant !== undefined && { tenant }) };
}

/** The tenant without which an expression can't be true. */
function tenantOf(expression: Json | undefined): string | undefined {
  const and = at(expression, '&&');
  if (and !== undefined) return tenantOf(at(and, 'left')) ?? tenantOf(at(and, 'right'));
  const equal = at(expression, '==');
  const sides = [at(equal, 'left'), at(equal, 'right')];
  const named = sides.some(
    (side) => at(at(side, '.'), 'attr') === 'tenant' && isResource(at(at(side, '.'), 'left')),
  );
  const value = sides.map((side) => at(side, 'Value')).find((found) => typeof found === 'string');
  return named && typeof value === 'string' ? value : undefined;
}

const isResource = (expression: Json | undefined): boolean => at(expression, 'Var') === 'resource';

function at(value: Json | undefined, key: string): Json | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}
