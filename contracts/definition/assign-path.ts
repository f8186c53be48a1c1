/**
 * Assignment paths (`assign`, `saveAs`): `vars.a.b`; a bare `a.b` means the same.
 *
 * Invariant: a path that parses names a place inside `vars` and nothing else: no other name of the evaluation
 * scope, no prototype. Both publishing a definition and running it read paths, because they are a part of the
 * document.
 */
import { z } from 'zod';
import { SluiceError } from '../errors.js';
import { FORBIDDEN_KEYS, isIntegerLike, RESERVED_NAMES } from './names.js';

const SEGMENT = /^[\p{L}\p{N}_][\p{L}\p{N}_-]*$/u;
const FIRST_SEGMENT = /^[\p{L}_][\p{L}\p{N}_-]*$/u;

/** Maximum number of segments of one path. */
const MOST_SEGMENTS = 32;

/** The segments below `vars`, or what is wrong with the path. */
function readPath(path: string): readonly string[] | string {
  const all = path.split('.');
  const segments = all[0] === 'vars' ? all.slice(1) : all;
  const [first] = segments;
  if (path.trim() === '') return 'an assignment path must not be empty';
  if (first === undefined) return '`vars` itself cannot be assigned; name a variable, such as vars.total';
  if (segments.length > MOST_SEGMENTS) return `${path} has more than ${MOST_SEGMENTS} segments`;
  if (RESERVED_NAMES.includes(first)) {
    return segments === all
      ? `${first} cannot be assigned: it is a reserved name`
      : `vars.${first} cannot be assigned: ${first} is a reserved name`;
  }
  const forbidden = segments.find((segment) => FORBIDDEN_KEYS.includes(segment));
  if (forbidden !== undefined) return `${path} names ${forbidden}, which is refused in a path`;
  if (isIntegerLike(first)) {
    return `${path} begins with a number; the first segment is the name of a variable`;
  }
  if (!FIRST_SEGMENT.test(first) || !segments.every((segment) => SEGMENT.test(segment))) {
    return `${path} is not an assignment path: use names of letters, digits, _ and -, joined by dots, such as vars.order.id`;
  }
  return segments;
}

/**
 * Segments of an assignment path below `vars`: `vars.a.0` and `a.0` both give `['a', '0']`. A segment of
 * digits indexes an array if it meets one.
 * @throws SluiceError ASSIGN_INVALID if the path leaves `vars` or has another shape
 */
export function parseAssignPath(path: string): readonly string[] {
  const read = readPath(path);
  if (typeof read === 'string') throw new SluiceError('ASSIGN_INVALID', read, { details: { path } });
  return read;
}

/** An assignment path in a document. */
export const AssignPath = z.string().superRefine((path, context) => {
  const read = readPath(path);
  if (typeof read === 'string') context.addIssue({ code: 'custom', message: read, input: path });
});
