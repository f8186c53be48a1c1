/**
 * What is known of what a document calls, by the catalogue, and how its literals fit that.
 *
 * Invariant [no-false-alarm]: of what the catalogue does not have, nothing is said here; `catalogue.ts` says
 * that it is missing.
 */
import { isJsonObject, type Json, type JsonObject } from '../contracts/json.js';
import { nearNames } from '../contracts/near.js';
import { type ActionSchemas, actionSchemas } from './action-schemas.js';
import { Flow } from './analysis/flow.js';
import type { Knowledge } from './analysis/knowledge.js';
import type { SentCatalogue } from './checks/messages.js';
import type { At, Findings, Watch } from './analysis/reading.js';
import { shapeOfSchema } from './analysis/schema-shape.js';
import { ANY, objectOf, type Shape } from './analysis/shape.js';
import { meantHint, type Finding } from './source/finding.js';
import { inputFindings } from './inputs.js';

/** Another definition, as a document calls it. */
export interface KnownDefinition {
  readonly version: number;
  readonly document: Json;
}

/** What a worker can run, and what is known of it. */
export interface Catalogue {
  /** Action id → its versions. */
  readonly actions: ReadonlyMap<string, readonly number[]>;
  /** The schemas of an action; undefined: not known. */
  readonly schemas?: ((id: string, version: number) => ActionSchemas | undefined) | undefined;
  /** Other definitions by id. */
  readonly definitions?: ReadonlyMap<string, KnownDefinition> | undefined;
  /** Whether `definitions` has all of those that the document calls and that exist. */
  readonly allDefinitions?: boolean | undefined;
}

/** A catalogue without what a document does not name, as data for a thread. */
export function sent(catalogue: Catalogue, text: string): SentCatalogue {
  const { actions, schemas, definitions, allDefinitions = false } = catalogue;
  return {
    actions: [...actions].map(([id, versions]) => [id, [...versions]]),
    schemas: [...actions]
      .filter(([id]) => text.includes(id))
      .flatMap(([id, versions]) =>
        versions.flatMap((version): SentCatalogue['schemas'] => {
          const known = schemas?.(id, version);
          return known === undefined ? [] : [[id, version, known.input, known.output]];
        }),
      ),
    ...(definitions && {
      definitions: [...definitions].map(([id, { version, document }]) => [id, version, document]),
    }),
    allDefinitions,
  };
}

/** The catalogue that was sent. */
export function received({ actions, schemas, definitions, allDefinitions }: SentCatalogue): Catalogue {
  const known = new Map(
    schemas.map(([id, version, input, output]) => [`${id}@${version}`, { input, output }]),
  );
  return {
    actions: new Map(actions),
    schemas: (id, version) => {
      const { input, output } = known.get(`${id}@${version}`) ?? {};
      return isJsonObject(input) && isJsonObject(output) ? { input, output } : undefined;
    },
    ...(definitions && {
      definitions: new Map(definitions.map(([id, version, document]) => [id, { version, document }])),
    }),
    allDefinitions,
  };
}

/** What following a document through its steps tells. */
interface Analysis {
  readonly findings: readonly Finding[];
  /** The shape of what a run gives. */
  readonly result: Shape;
}

/**
 * Follows a document through its steps. It may be wrong anywhere: what cannot be read is not known.
 * @param catalogue what is known of actions and of other definitions
 * @param watch is told the names that each expression sees
 */
export function analyse(document: Json, catalogue?: Catalogue, watch?: Watch): Analysis {
  if (!isJsonObject(document)) return { findings: [], result: ANY };
  const flow = new Flow(new Known(document['payloadSchema'], catalogue), watch);
  const result = flow.document(document);
  return { findings: flow.findings.all, result };
}

/** An action as a registry has it. */
interface KnownAction extends Partial<Parameters<typeof actionSchemas>[0]> {
  readonly id: string;
  readonly version: number;
}

/** The catalogue of these actions; their schemas are made when a document names them. */
export function catalogueOf(actions: Iterable<KnownAction>): Catalogue {
  const versions = new Map<string, number[]>();
  const all = new Map<string, KnownAction>();
  for (const action of actions) {
    versions.set(action.id, [...(versions.get(action.id) ?? []), action.version]);
    all.set(`${action.id}@${action.version}`, action);
  }
  const made = new Map<string, ActionSchemas>();
  const schemas = (id: string, version: number): ActionSchemas | undefined => {
    const key = `${id}@${version}`;
    const { input, output } = all.get(key) ?? {};
    if (input === undefined || output === undefined) return undefined;
    const known = made.get(key) ?? actionSchemas({ input, output });
    made.set(key, known);
    return known;
  };
  return { actions: versions, schemas };
}

class Known implements Knowledge {
  private readonly results = new Map<string, Shape>();

  constructor(
    private readonly payloadSchema: Json | undefined,
    private readonly catalogue: Catalogue | undefined,
  ) {}

  outputOf(call: JsonObject): Shape {
    const schemas = this.schemasOf(call);
    return schemas === undefined ? ANY : shapeOfSchema(schemas.output);
  }

  resultOf(call: JsonObject): Shape {
    const { workflow } = call;
    const child = this.childOf(call);
    if (child === undefined || typeof workflow !== 'string') return ANY;
    const known = this.results.get(workflow);
    if (known !== undefined) return known;
    // Of what a child calls in its turn, nothing is asked: two definitions may call each other.
    const { result } = analyse(child.document);
    this.results.set(workflow, result);
    return result;
  }

  checkCall(call: JsonObject, input: Shape | undefined, at: At, findings: Findings): void {
    const schemas = this.schemasOf(call);
    if (schemas === undefined) return;
    const taker = {
      schema: schemas.input,
      key: 'input',
      name: typeof call['action'] === 'string' ? call['action'] : 'the action',
    };
    for (const finding of inputFindings(call['input'], input ?? objectOf({}), taker, at)) {
      findings.add(finding);
    }
  }

  checkChild(call: JsonObject, input: Shape | undefined, at: At, findings: Findings): void {
    const { workflow } = call;
    if (typeof workflow !== 'string') return;
    const child = this.childOf(call);
    const schema =
      child === undefined || !isJsonObject(child.document) ? undefined : child.document['payloadSchema'];
    if (isJsonObject(schema)) {
      const taker = { schema, key: 'input', name: workflow };
      for (const finding of inputFindings(call['input'], input ?? objectOf({}), taker, at)) {
        findings.add(finding);
      }
    }
    if (this.catalogue?.allDefinitions !== true || this.catalogue.definitions?.has(workflow) === true) return;
    findings.add({
      code: 'WORKFLOW_UNKNOWN',
      level: 'warning',
      message: `no definition "${workflow}" is published`,
      stepPath: at.stepPath,
      path: [...at.path, 'workflow'],
      hint:
        meantHint(nearNames(workflow, this.catalogue.definitions?.keys() ?? [])) ??
        'publish it before a run gets here',
    });
  }

  checkPayload(payload: Json, shape: Shape, at: At, findings: Findings): void {
    if (!isJsonObject(this.payloadSchema)) return;
    const taker = { schema: this.payloadSchema, key: String(at.path.at(-1)), name: 'the payload' };
    const around = { ...at, path: at.path.slice(0, -1) };
    for (const finding of inputFindings(payload, shape, taker, around)) findings.add(finding);
  }

  private schemasOf({ action, version }: JsonObject): ActionSchemas | undefined {
    if (typeof action !== 'string') return undefined;
    const versions = this.catalogue?.actions.get(action) ?? [];
    const wanted = typeof version === 'number' ? version : Math.max(...versions);
    return versions.includes(wanted) ? this.catalogue?.schemas?.(action, wanted) : undefined;
  }

  private childOf({ workflow, version }: JsonObject): KnownDefinition | undefined {
    const child = typeof workflow === 'string' ? this.catalogue?.definitions?.get(workflow) : undefined;
    return version === undefined || version === child?.version ? child : undefined;
  }
}
