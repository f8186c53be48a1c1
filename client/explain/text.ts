/** The paragraph of an explanation: short sentences, the most important first. */
import { isJsonObject, type Json } from '../../contracts/json.js';
import { placeLabel } from '../../contracts/run/place.js';
import type { RunView } from '../../projections/index.js';
import type { RunExplanation } from './explanation.js';

/** Characters of the body of an answer that the paragraph shows. */
const BODY_CHARACTERS = 300;

/** @param run the run as it is shown */
export function explanationText(run: RunView, facts: Omit<RunExplanation, 'help' | 'text'>): string {
  return [
    opening(run, facts),
    atStep(facts),
    ...(facts.error === null ? [] : [`The error is ${facts.error.code}: ${ended(facts.error.message)}`]),
    answered(facts.answer),
    facts.secrets.length === 0 ? '' : `The step used the secret ${facts.secrets.join(', ')}.`,
    ...facts.waits.map(waiting),
    ...facts.acts.map(acted),
    facts.cut.length === 0 ? '' : `Not all was read: ${facts.cut.join(', ')} are longer than what is told.`,
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

function opening(
  run: RunView,
  { definition, version, status }: Pick<RunExplanation, 'definition' | 'version' | 'status'>,
) {
  const what = `Run ${run.runId} of ${definition} ${version === null ? '(no version)' : `version ${version}`}`;
  const when = run.endedAt === null ? `since ${run.startedAt}` : `from ${run.startedAt} to ${run.endedAt}`;
  return `${what} is ${status} (${when}).`;
}

function atStep({ step, status }: Pick<RunExplanation, 'step' | 'status'>): string {
  if (step === null) return status === 'SUCCEEDED' ? '' : 'The rows know no step at which it stopped.';
  const { path, iteration, id, action, attempts } = step;
  const name = id === null ? '' : ` "${id}"`;
  const by = action === null ? '' : `, which calls ${action}`;
  const tries = attempts.map(
    ({ attempt, status: how, endedAt, startedAt, error }) =>
      `attempt ${attempt} ${how}${error === null ? '' : ` with ${error.code}`} at ${endedAt ?? startedAt ?? '?'}`,
  );
  return `Its step is${name} at ${placeLabel(path, iteration)}${by}: ${tries.join('; ')}.`;
}

function answered(answer: Json): string {
  if (!isJsonObject(answer) || typeof answer.status !== 'number') return '';
  const { url, body } = answer;
  const from = typeof url === 'string' ? ` of ${url}` : '';
  const text = body === undefined || body === null || body === '' ? '' : cut(body);
  return `The answer${from} had status ${answer.status}${text === '' ? '' : ` and said ${text}`}.`;
}

function cut(body: Json): string {
  const text = JSON.stringify(body);
  return text.length > BODY_CHARACTERS ? `${text.slice(0, BODY_CHARACTERS)}…` : text;
}

function waiting({ path, eventNames, correlationKey, openedAt, deadline }: RunExplanation['waits'][number]) {
  const what = eventNames.length === 0 ? 'for time, a person or a child' : `for ${eventNames.join(' or ')}`;
  const key = correlationKey === null ? '' : ` with the key ${JSON.stringify(correlationKey)}`;
  const until = deadline === null ? 'without a limit' : `until ${deadline}`;
  return `It waits at ${path} ${what}${key} since ${openedAt ?? '?'}, ${until}.`;
}

function acted({ at, who, act, reason }: RunExplanation['acts'][number]): string {
  const sentence = `${at} ${who ?? 'somebody unknown'}: ${act}`;
  return ended(reason === null ? sentence : `${sentence}: ${reason}`);
}

function ended(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
