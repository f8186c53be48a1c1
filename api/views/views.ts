/** Read models as the API answers them (contracts/http/api.ts). */
import type { z } from 'zod';
import type {
  ApiDefinition,
  ApiDefinitionSummary,
  ApiEvidence,
  ApiInboundEvent,
  ApiInboundSummary,
  ApiInvocation,
  ApiRunEvent,
  ApiRunInbound,
  ApiStep,
  ApiWait,
} from '../../contracts/http/api.js';
import type { EventWithPauses, ShownSummary } from '../../client/index.js';
import { isJsonObject } from '../../contracts/json.js';
import type {
  DefinitionSummary,
  DefinitionView,
  EventView,
  EvidenceView,
  InvocationView,
  Page,
  RunInboundView,
  StepView,
  WaitView,
} from '../../projections/index.js';

/** A page whose items are in their public form. */
export function pageOf<T, A>(
  { items, ...page }: Page<T>,
  view: (item: T) => A,
): Omit<Page<T>, 'items'> & { items: A[] } {
  return { ...page, items: items.map(view) };
}

/** Renames `path` to `stepPath`, its public name. */
function withStepPath<T extends { readonly path: string }>({
  path,
  ...rest
}: T): Omit<T, 'path'> & { stepPath: string } {
  return { stepPath: path, ...rest };
}

export function toStep({ id, ...step }: StepView): z.input<typeof ApiStep> {
  return { ...withStepPath(step), iteration: [...step.iteration], stepId: id };
}

export function toRunEvent(event: EventView): z.input<typeof ApiRunEvent> {
  const { seq, at, type, wave, stepPath, iteration, attempt, executionId, superseded } = event;
  const data: unknown = event.data;
  return {
    seq,
    at: new Date(at).toISOString(),
    type,
    wave,
    stepPath: stepPath ?? null,
    iteration: [...(iteration ?? [])],
    attempt: attempt ?? null,
    data: isJsonObject(data) ? data : {},
    executionId,
    superseded,
  };
}

export function toWait(wait: WaitView): z.input<typeof ApiWait> {
  return { ...withStepPath(wait), iteration: [...wait.iteration], eventNames: [...wait.eventNames] };
}

export function toInvocation(use: InvocationView): z.input<typeof ApiInvocation> {
  return { ...withStepPath(use), iteration: [...use.iteration], artifacts: [...use.artifacts] };
}

export function toEvidence(evidence: EvidenceView): z.input<typeof ApiEvidence> {
  return { ...withStepPath(evidence), iteration: [...evidence.iteration] };
}

export function toRunInbound(event: RunInboundView): z.input<typeof ApiRunInbound> {
  const { id, name, tried, ...rest } = event;
  return { ...rest, eventId: id, eventName: name, tried: [...tried] };
}

export function toInboundSummary({ id, name, ...rest }: ShownSummary): z.input<typeof ApiInboundSummary> {
  return { ...rest, eventId: id, eventName: name };
}

export function toInboundEvent({
  id,
  name,
  tried,
  runs,
  conflicts,
  ...rest
}: EventWithPauses): z.input<typeof ApiInboundEvent> {
  return {
    ...rest,
    eventId: id,
    eventName: name,
    tried: [...tried],
    conflicts: {
      count: conflicts.count,
      last: conflicts.last.map((each) => ({ ...each, differs: [...each.differs] })),
    },
    runs: runs.map((run) => ({
      ...run,
      paused: run.paused && [...run.paused],
      waits: run.waits.map((wait) => ({ ...wait, failedFilters: [...wait.failedFilters] })),
      answers: [...run.answers],
    })),
  };
}

export function toDefinitionSummary(definition: DefinitionSummary): z.input<typeof ApiDefinitionSummary> {
  return { ...definition };
}

export function toDefinition(definition: DefinitionView): z.input<typeof ApiDefinition> {
  return { ...definition, versions: [...definition.versions], acts: [...definition.acts] };
}

/** A JSON answer. */
export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  });
}
