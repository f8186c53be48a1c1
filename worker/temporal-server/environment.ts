/** Environment variables, as `process.env` has them; handed in, so that a test can say what is set. */
export type Environment = Readonly<Record<string, string | undefined>>;
