/**
 * The key under which the payload converter passes on what it could not decode. A converter that throws would
 * fail or hang the run for one malformed signal (bad-signals-are-harmless in docs/invariants.md).
 */
export const UNDECODABLE = '$sluiceUndecodable';
