import type { Figure } from '../measure.js';

export interface CaseOptions {
  /** Rounds that count. */
  readonly rounds: number;
  /** Says how far it is. */
  readonly say: (line: string) => void;
}

/** What is measured of runs. */
export interface Case {
  readonly name: string;
  readonly about: string;
  readonly run: (options: CaseOptions) => Promise<readonly Figure[]>;
}
