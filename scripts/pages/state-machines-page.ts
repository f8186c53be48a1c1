/** docs/state-machines.md: the transitions of contracts/run/run.ts, as tables and as diagrams. */
import {
  RUN_TRANSITIONS,
  STEP_TRANSITIONS,
  TERMINAL_RUN_STATUSES,
  WAIT_TRANSITIONS,
} from '../../contracts/run/run.js';

type Transitions = Readonly<Record<string, readonly string[]>>;

const terminalRun: readonly string[] = TERMINAL_RUN_STATUSES;

/** The text of the page, after its title. */
export function stateMachines(): string {
  return `A row's status moves along these edges and no others. Every commit checks the log of its run against them. An
event that asks for another edge is refused with \`TRANSITION_ILLEGAL\`, whose message and details name both
states and the events that set them, and nothing of that commit is kept. Events may be committed out of order.
So two events must be one edge apart if every event between them is known; across a gap, some path of edges
must join them.

${machine('A run', RUN_TRANSITIONS, (from, to) => terminalRun.includes(from) && to === 'RUNNING')}

${terminalRun.map((status) => `\`${status}\``).join(', ')} are the
ends of a run. Only a reset of its workflow leaves them ("reset" in the table): it gives the run another
Temporal execution, whose events supersede those that it undid.

${machine('A step', STEP_TRANSITIONS)}

A step execution is a step path, an iteration and an attempt. \`RETRYING\` closes an attempt; the next attempt
has a separate row. A step that never starts gets its final status at once, such as \`SKIPPED\`.

${machine('A wait', WAIT_TRANSITIONS)}

A wait stays \`WAITING\` until its workflow says otherwise, however overdue it looks.`;
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
