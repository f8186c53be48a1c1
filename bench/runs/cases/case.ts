import type { Figure } from '../measure.js';

export interface CaseOptions {
  /** Rounds that are counted. */
  readonly rounds: number;
  /** Reports progress. */
  readonly say: (line: string) => void;
}

/** A case: something that is measured of runs. */
export interface Case {
  readonly name: string;
  readonly about: string;
  readonly run: (options: CaseOptions) => Promise<readonly Figure[]>;
}
