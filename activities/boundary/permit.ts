/**
 * What one attempt of an action may do, as the policies decided: activities/action/authorize.ts has the
 * rules.
 */
import {
  evidenceOf,
  type Authorizer,
  type Decision,
  type StageRequest,
  type StageTarget,
} from '../../contracts/authorization.js';
import { SluiceError } from '../../contracts/errors.js';

/** What one attempt may do. */
export class Permit {
  /** All that was permitted; undefined: authorization is off, or has not been asked. */
  #request: StageRequest | undefined;
  #denial: SluiceError | undefined;

  constructor(
    private readonly authorizer: Authorizer | undefined,
    private readonly entry: { attach(evidence: ReturnType<typeof evidenceOf>): void },
  ) {}

  /** Decides before the attempt begins. @returns the denial */
  begin(request: StageRequest): SluiceError | undefined {
    return this.#decide(request, false);
  }

  /** @throws SluiceError UNAUTHORIZED if the attempt may not send there */
  target(target: StageTarget): void {
    if (this.#request !== undefined && !isSame(this.#request.target, target)) {
      this.#more({ ...this.#request, target });
    }
  }

  /** @throws SluiceError UNAUTHORIZED if the attempt may not use that secret */
  secret(name: string): void {
    if (this.#request === undefined || this.#request.secrets.includes(name)) return;
    this.#more({ ...this.#request, secrets: [...this.#request.secrets, name] });
  }

  /** Runs the action. @throws the denial, if there was one */
  async during<T>(act: () => Promise<T>): Promise<T> {
    try {
      const output = await act();
      if (this.#denial === undefined) return output;
    } catch (thrown) {
      throw this.#denial ?? thrown;
    }
    throw this.#denial;
  }

  #more(request: StageRequest): void {
    const denied = this.#denial ?? this.#decide(request, true);
    if (denied !== undefined) throw denied;
  }

  #decide(request: StageRequest, begun: boolean): SluiceError | undefined {
    if (this.authorizer === undefined) return undefined;
    const decision = this.authorizer.decide(request);
    this.entry.attach(evidenceOf(request, decision));
    if (decision.allowed) this.#request = request;
    else this.#denial = denial(request, decision, begun);
    return this.#denial;
  }
}

const isSame = (one: StageTarget | undefined, other: StageTarget): boolean =>
  one?.scheme === other.scheme &&
  one.host === other.host &&
  one.port === other.port &&
  one.method === other.method;

/** @param begun whether the action's code runs: it may have had an effect, which a compensation can undo */
export function denial(request: StageRequest, decision: Decision, begun: boolean): SluiceError {
  const { principal, resource, policies, errors, policyHash } = decision;
  const why =
    errors.length > 0
      ? errors.join('; ')
      : policies.length > 0
        ? `forbidden by ${policies.join(', ')}`
        : 'no policy permits it';
  return new SluiceError(
    'UNAUTHORIZED',
    `${principal}, for ${request.actor}, may not execute ${resource} (${request.action}): ${why}`,
    {
      details: {
        principal,
        resource,
        policies: [...policies],
        errors: [...errors],
        policyHash,
        ...(begun && { begun }),
      },
    },
  );
}
