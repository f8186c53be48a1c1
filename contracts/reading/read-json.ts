/** Reads JSON texts at every door that takes one. What it refuses, and why: json-faults.ts. */
import { type ErrorCode, messageOf, SluiceError } from '../errors.js';
import type { Json } from '../json.js';
import { faultDetails, faultText, jsonFaults, type JsonFault } from './json-faults.js';
import { parseJson, type ParsedJson } from './parse-json.js';

/**
 * Reads a JSON text.
 * @param what the subject of the message, such as `--input`
 * @param codes of a text that is not JSON, and of a value that Sluice cannot take
 * @throws SluiceError with these codes; the second has each place, as a JSON Pointer, in `details.problems`
 */
export function readJson(
  text: string,
  what: string,
  codes: { readonly syntax: ErrorCode; readonly value: ErrorCode },
): Json {
  let parsed: ParsedJson;
  try {
    parsed = parseJson(text);
  } catch (error) {
    throw new SluiceError(codes.syntax, `${what} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  if (parsed.faults.length > 0) throw faultsError(parsed.faults, what, codes.value);
  return parsed.value;
}

/**
 * Refuses a value with a fault.
 * @throws SluiceError with each place, as a JSON Pointer, in `details.problems`
 */
export function refuseFaults(value: unknown, what: string, code: ErrorCode): void {
  const faults = jsonFaults(value);
  if (faults.length > 0) throw faultsError(faults, what, code);
}

/** The error of a value with faults. */
function faultsError(faults: readonly JsonFault[], what: string, code: ErrorCode): SluiceError {
  const listed = faults.map((fault) => faultText(fault, 'it')).join('; ');
  return new SluiceError(code, `${what}: ${listed}`, { details: faultDetails(faults) });
}
