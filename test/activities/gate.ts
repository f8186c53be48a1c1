/** Lets a test see where an action stands, and decide when it goes on: no sleeps, no guesses. */
export interface Gate {
  /** Resolves when the action has come here. */
  readonly reached: Promise<void>;
  /** Called by the action. */
  reach(): void;
  /** The action waits for this. */
  readonly open: Promise<void>;
  /** Called by the test. */
  release(): void;
}

export function gate(): Gate {
  let reach = (): void => undefined;
  let release = (): void => undefined;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const open = new Promise<void>((resolve) => (release = resolve));
  return { reached, open, reach: () => reach(), release: () => release() };
}
