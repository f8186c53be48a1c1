/**
 * The key under which the payload converter hands over what it could not decode. A converter that throws
 * would fail or hang the run for one malformed signal (trap 23).
 */
export const UNDECODABLE = '$sluiceUndecodable';
