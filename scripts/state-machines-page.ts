/** docs/state-machines.md: the transition tables of contracts/run/run.ts, as tables and as pictures. */
import {
  RUN_TRANSITIONS,
  STEP_TRANSITIONS,
  TERMINAL_RUN_STATUSES,
  WAIT_TRANSITIONS,
} from '../contracts/run/run.js';

type Transitions = Readonly<Record<string, readonly string[]>>;

const terminalRun: readonly string[] = TERMINAL_RUN_STATUSES;

/** The text of the page, after its title. */
export function stateMachines(): string {
  return `A row's status moves along these edges and no others. The log of a run is held to them when events are
committed: an event that asks for another edge is refused with \`TRANSITION_ILLEGAL\`, whose message and details name
both states and the events that set them, and nothing of that commit is kept. Events may be committed out of order, so
two of them are held to one edge where every event between them is known, and across a gap to a path of edges.

${machine('A run', RUN_TRANSITIONS, (from, to) => terminalRun.includes(from) && to === 'RUNNING')}

${terminalRun.map((status) => `\`${status}\``).join(', ')} are the ends of a run. Only a reset of its workflow leaves
them ("reset" in the table): it gives the run another Temporal execution, whose events supersede those that it undid.

${machine('A step', STEP_TRANSITIONS)}

One step execution is a step path, an iteration and an attempt. \`RETRYING\` closes an attempt; the next one is a row of
its own. A step that never starts begins as what it is: \`SKIPPED\`, or the end that it met at once.

${machine('A wait', WAIT_TRANSITIONS)}

However overdue a wait looks, it stays \`WAITING\` until its workflow says otherwise.`;
}

function machine(
  title: string,
  transitions: Transitions,
  byReset: (from: string, to: string) => boolean = () => false,
): string {
  const states = Object.keys(transitions);
  const head = `| from ↓ to → | ${states.map((state) => `\`${state}\``).join(' | ')} |`;
  const rows = Object.entries(transitions).map(([from, to]) => {
    const cells = states.map((state) => {
      if (!to.includes(state)) return '';
      return byReset(from, state) ? 'reset' : 'yes';
    });
    return `| \`${from}\` | ${cells.join(' | ')} |`;
  });
  const edges = Object.entries(transitions).flatMap(([from, to]) =>
    to.map((state) => `    ${from} --> ${state}${byReset(from, state) ? ': reset' : ''}`),
  );
  return `## ${title}

${head}
| --- |${states.map(() => ' --- |').join('')}
${rows.join('\n')}

\`\`\`mermaid
stateDiagram-v2
${edges.join('\n')}
\`\`\``;
}
