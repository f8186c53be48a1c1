/**
 * A value as rows and the log show it: whole if it is small, else cut. The activity and the workflow write
 * the same step row, so both use this function.
 */
import { jsonSize, type Json } from './json.js';

/** Values up to this many bytes are shown whole. */
const WHOLE_BYTES = 1_024;
const SHOWN_CHARACTERS = 256;

/** The value, or `{$summary, bytes}` with the beginning of its JSON if it has more than 1 KiB. */
export function summarize(value: Json): Json {
  const bytes = jsonSize(value);
  if (bytes <= WHOLE_BYTES) return value;
  return { $summary: JSON.stringify(value).slice(0, SHOWN_CHARACTERS), bytes };
}
