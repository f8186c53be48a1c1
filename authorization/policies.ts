/**
 * A set of policies: validated against the schema that Sluice ships, prepared once, evaluated many times.
 *
 * Invariants
 * - All files of the directory are one set. Cedar's rule decides: one `forbid` that applies outweighs every
 *   `permit`, and without a `permit` the request is denied.
 * - Loading is all or nothing: if one policy is wrong, the set in force stays in force.
 * - Fail closed: a policy that can't be evaluated, or a request that does not match the schema, denies.
 */
import { readFile } from 'node:fs/promises';
import type { Authorizer, Decision, StageRequest, StageTarget } from '../contracts/authorization.js';
import { SluiceError } from '../contracts/errors.js';
import { cedar } from './cedar.js';
import { Slices } from './slices.js';
import { entityFact, plainFact } from './ties.js';
import { hashOf, lineAt, readPolicyFiles, splitPolicies, type PolicyFile } from './policy-files.js';

const SCHEMA = new URL('schema.cedarschema', import.meta.url);
const SCHEMA_NAME = 'sluice';

/** The principal of everything that workers do, unless the configuration selects the actor. */
const ORCHESTRATOR: Principal = { type: 'Service', id: 'sluice-orchestrator' };

interface Entity {
  readonly type: string;
  readonly id: string;
}

export interface Principal extends Entity {
  readonly type: 'User' | 'Service';
}

export interface PoliciesOptions {
  readonly directory: string;
  /**
   * `actor`: User::"<the run's actor>". Default: Service::"sluice-orchestrator", with the actor in the
   * context.
   */
  readonly principal?: 'service' | 'actor' | Principal;
}

/** Numbers the prepared sets: Cedar keeps each by name in the thread. */
let prepared = 0;

/**
 * Loads the policies of a directory.
 * @throws SluiceError POLICY_INVALID with every problem as `file:line: message`
 */
export async function loadPolicies(options: PoliciesOptions): Promise<Policies> {
  const schema = await readFile(SCHEMA, 'utf8');
  const answer = cedar.preparseSchema(SCHEMA_NAME, schema);
  if (answer.type === 'failure') {
    throw new SluiceError('INTERNAL', answer.errors.map(({ message }) => message).join('; '));
  }
  const policies = new Policies(options, schema, `sluice-${++prepared}`);
  await policies.reload();
  return policies;
}

export class Policies implements Authorizer {
  #slices = new Slices(new Map(), '');
  #generation = 0;
  #hash = '';
  #count = 0;
  #files: readonly string[] = [];

  /** @internal Use {@link loadPolicies}. */
  constructor(
    private readonly options: PoliciesOptions,
    private readonly schema: string,
    private readonly name: string,
  ) {}

  /** Hash of the files in force, sha-256, hex. */
  get hash(): string {
    return this.#hash;
  }

  /** The number of policies in force, and their files. */
  get summary(): { readonly policies: number; readonly files: readonly string[] } {
    return { policies: this.#count, files: this.#files };
  }

  /**
   * Reads the directory again. If anything is wrong, nothing changes.
   * @throws SluiceError POLICY_INVALID
   */
  async reload(): Promise<void> {
    const files = await readPolicyFiles(this.options.directory);
    const faults = files.flatMap(syntaxFaults);
    if (faults.length > 0) throw invalid(faults);
    const policies = new Map(files.flatMap((file) => [...splitPolicies(file)]));
    if (policies.size === 0) throw invalid([`${this.options.directory} holds no policy`]);
    const set = { staticPolicies: Object.fromEntries(policies) };
    const wrong = schemaFaults(this.schema, set);
    if (wrong.length > 0) throw invalid(wrong);
    // Other slots than those of the set in force, which decides until this ends.
    this.#slices = new Slices(policies, `${this.name}-${this.#generation++ % 2}`);
    this.#hash = hashOf(files);
    this.#count = policies.size;
    this.#files = files.map(({ name }) => name);
  }

  /** Decides one request; takes well under a millisecond. */
  decide(request: StageRequest): Decision {
    const principal = this.#principal(request.actor);
    const resource = { type: 'Stage', id: request.stage };
    const about = {
      principal: entityFact(principal),
      resource: entityFact(resource),
      policyHash: this.#hash,
    };
    const attributes = attributesOf(request);
    const { actor, workflowId, runId, attempt, compensation } = request;
    const context = { actor, workflowId, runId, attempt, compensation };
    const answer = cedar.statefulIsAuthorized({
      principal,
      action: { type: 'Action', id: 'execute-stage' },
      resource,
      context,
      entities: [{ uid: resource, attrs: attributes, parents: [] }],
      preparsedPolicySetId: this.#slices.prepared(factsOf(principal, resource, attributes, context)),
      preparsedSchemaName: SCHEMA_NAME,
      validateRequest: true,
    });
    if (answer.type === 'failure') {
      const errors = answer.errors.map(({ message }) => message);
      return { ...about, allowed: false, policies: [], errors };
    }
    const { decision, diagnostics } = answer.response;
    const errors = diagnostics.errors.map(({ policyId, error }) => `${policyId}: ${error.message}`);
    return {
      ...about,
      allowed: decision === 'allow' && errors.length === 0,
      policies: [...diagnostics.reason].sort(),
      errors,
    };
  }

  #principal(actor: string): Principal {
    const { principal = 'service' } = this.options;
    if (principal === 'service') return ORCHESTRATOR;
    return principal === 'actor' ? { type: 'User', id: actor } : principal;
  }
}

/** No policy needs to ask whether there is a target: these equal no real one. */
const NO_TARGET: StageTarget = { scheme: '', host: '', port: 0, method: '' };

function attributesOf(request: StageRequest): Record<string, string | number | string[]> {
  const { kind, action, actionVersion, eventName = '', child = '' } = request;
  const { definition, definitionVersion, definitionHash } = request;
  const { tenant, environment, region, tags, secrets, target = NO_TARGET } = request;
  return {
    kind,
    action,
    actionVersion,
    eventName,
    child,
    definition,
    definitionVersion,
    definitionHash,
    tenant,
    environment,
    region,
    tags: [...tags],
    secrets: [...secrets],
    ...target,
  };
}

type Values = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** The facts of a request that a policy may be tied to. */
function factsOf(
  principal: Entity,
  resource: Entity,
  attributes: Values,
  context: Values,
): ReadonlyMap<string, readonly string[]> {
  const named = (of: string, values: Values): readonly (readonly [string, readonly string[]])[] =>
    Object.entries(values).map(([name, value]) => [
      `${of}.${name}`,
      typeof value === 'object' ? value.map(plainFact) : [plainFact(value)],
    ]);
  return new Map([
    ['principal', [entityFact(principal)]],
    ['resource', [entityFact(resource)]],
    ...named('resource', attributes),
    ...named('context', context),
  ]);
}

function syntaxFaults(file: PolicyFile): string[] {
  const answer = cedar.checkParsePolicySet({ staticPolicies: file.text });
  if (answer.type === 'success') return [];
  return answer.errors.map(({ message, sourceLocations = [] }) => {
    const [first] = sourceLocations;
    const line = first === undefined ? 1 : lineAt(file.text, charIndex(file.text, first.start));
    return `${file.name}:${line}: ${message}`;
  });
}

/** Cedar counts bytes of UTF-8. */
function charIndex(text: string, bytes: number): number {
  return Buffer.from(text).subarray(0, bytes).toString().length;
}

function schemaFaults(schema: string, policies: { staticPolicies: Record<string, string> }): string[] {
  const answer = cedar.validate({ schema, policies, validationSettings: { mode: 'strict' } });
  if (answer.type === 'failure') return answer.errors.map(({ message }) => message);
  return answer.validationErrors.map(({ policyId, error }) => {
    const help = error.help === null ? '' : ` (${error.help})`;
    return `${policyId}: ${error.message}${help}`;
  });
}

function invalid(faults: readonly string[]): SluiceError {
  return new SluiceError('POLICY_INVALID', faults.join('; '), { details: { problems: [...faults] } });
}
