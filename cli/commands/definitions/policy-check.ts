import { loadPolicies, type Principal } from '../../../authorization/index.js';
import type { Decision, StageKind, StageRequest, StageTarget } from '../../../contracts/authorization.js';
import { findSecrets, walkSteps, type Step } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import type { Json } from '../../../contracts/json.js';
import type { ActionDefinition } from '../../../contracts/run/action.js';
import { readDefinitionInBounds } from '../../../definitions/index.js';
import type { SluiceConfig } from '../../../worker/config/config.js';
import { EXIT } from '../../terminal/exit-codes.js';
import { formatOfFile, readInputFile } from '../../terminal/input.js';
import type { Terminal } from '../../terminal/terminal.js';

export interface PolicyCheckOptions {
  /** `User::"ada"` or `Service::"name"`. */
  readonly principal?: string;
  readonly actor?: string;
  readonly dir?: string;
  readonly tenant: string;
}

export interface PolicyCheckProject {
  readonly config: SluiceConfig;
  /** Actions of the catalogue. A call without a version gets the latest one. */
  readonly actions: readonly Pick<ActionDefinition, 'id' | 'version' | 'target'>[];
}

/**
 * `sluice policy check FILE`: shows offline what the policies decide about every step that acts.
 * @returns 0 if everything is permitted
 * @throws SluiceError POLICY_INVALID, DEFINITION_INVALID, INPUT_INVALID
 */
export async function policyCheckCommand(
  terminal: Terminal,
  file: string,
  options: PolicyCheckOptions,
  { config, actions }: PolicyCheckProject,
): Promise<number> {
  const directory = options.dir ?? config.policies?.directory;
  if (directory === undefined) {
    throw new SluiceError('INPUT_INVALID', 'No policies given: set --dir or SLUICE_CEDAR_POLICY_DIR');
  }
  const principal =
    options.principal === undefined
      ? (config.policies?.principal ?? 'service')
      : principalOf(options.principal);
  const policies = await loadPolicies({ directory, principal });
  const { definition, hash } = await readDefinitionInBounds(await readInputFile(file), formatOfFile(file), {
    tenant: 'cli',
  });
  const latest = (id: string): number =>
    Math.max(1, ...actions.filter((action) => action.id === id).map(({ version }) => version));
  const targetOf = (id: string, input: Json): StageTarget | undefined =>
    actions.find((action) => action.id === id)?.target?.(input);
  let denied = 0;
  for (const { path, step } of walkSteps(definition)) {
    for (const call of callsOf(step)) {
      const request: StageRequest = {
        stage: step.id,
        kind: call.kind,
        action: call.action ?? call.kind,
        actionVersion: call.action === undefined ? 0 : (call.version ?? latest(call.action)),
        eventName: call.eventName,
        child: call.child,
        definition: definition.id,
        definitionVersion: definition.version,
        definitionHash: hash,
        tenant: options.tenant,
        environment: config.system.environment,
        region: config.system.region,
        tags: call.tags ?? [],
        secrets: [...new Set(findSecrets(call.input ?? null).map(({ name }) => name))],
        target: call.action === undefined ? undefined : targetOf(call.action, call.input ?? null),
        actor: options.actor ?? 'sluice-cli',
        workflowId: `${definition.id}/policy-check`,
        runId: 'policy-check',
        attempt: 1,
        compensation: call.compensation === true,
      };
      const decision = policies.decide(request);
      if (!decision.allowed) denied++;
      show(terminal, path, request, decision);
    }
  }
  return denied === 0 ? EXIT.ok : EXIT.failed;
}

interface Call {
  readonly kind: StageKind;
  readonly action?: string;
  readonly version?: number | undefined;
  readonly input?: Json | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly eventName?: string;
  readonly child?: string;
  readonly compensation?: boolean;
}

/** What a step does that policies decide about: nothing, or one thing, or an action and its compensation. */
function callsOf(step: Step): readonly Call[] {
  switch (step.type) {
    case 'action.call': {
      const { type: kind, tags, compensate } = step;
      const call: Call = { kind, action: step.action, version: step.version, input: step.input, tags };
      if (compensate === undefined) return [call];
      const { action, version, input } = compensate;
      return [call, { kind, action, version, input, tags, compensation: true }];
    }
    case 'event.publish':
      return [{ kind: step.type, eventName: step.eventName }];
    case 'control.callWorkflow':
      return [{ kind: step.type, child: step.workflow }];
    case 'human.task':
      return [{ kind: step.type }];
    default:
      return [];
  }
}

function show(terminal: Terminal, stepPath: string, request: StageRequest, decision: Decision): void {
  const { stage, action, eventName, child, compensation } = request;
  const { allowed, principal, policies, errors, policyHash } = decision;
  terminal.data({
    stepPath,
    stage,
    action,
    ...(eventName !== undefined && { eventName }),
    ...(child !== undefined && { child }),
    compensation,
    allowed,
    principal,
    policies: [...policies],
    errors: [...errors],
    policyHash,
  });
  const why = [...errors, ...policies].join(', ') || 'no policy permits it';
  const call = `${stage}${compensation ? ' (compensation)' : ''}`;
  const what = [action, eventName, child].filter((part) => part !== undefined).join(' ');
  terminal.print(`${allowed ? 'permit' : 'DENY  '}  ${call}  ${what}  ${why}`);
}

function principalOf(text: string): Principal {
  const [, type, id] = /^(User|Service)::"((?:[^"\\])+)"$/.exec(text) ?? [];
  if ((type === 'User' || type === 'Service') && id !== undefined) return { type, id };
  throw new SluiceError('INPUT_INVALID', `${text} is not a principal: write User::"ada" or Service::"name"`);
}
