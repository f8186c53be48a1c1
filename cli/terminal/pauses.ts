import type { Pause } from '../../contracts/http/api.js';

/** What of a run is paused, for a person. @param paused null: Temporal did not tell */
export function pausesText(paused: readonly Pause[] | null): string {
  if (paused === null) return 'not known: Temporal did not tell';
  if (paused.length === 0) return '-';
  return paused
    .map(({ what, activity, activityId, stillRuns, by, reason, since }) => {
      const target = what === 'run' ? 'the run' : `activity ${activityId ?? '?'} (${activity ?? '?'})`;
      const author = by === null ? '' : ` by ${by}`;
      const why = reason === null ? '' : `: ${reason}`;
      return `${target}${stillRuns ? ', after its attempt under way,' : ''}${author} since ${since ?? '?'}${why}`;
    })
    .join('; ');
}
