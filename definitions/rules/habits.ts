/**
 * Habits of other languages in expressions, each with its cure.
 *
 * Invariant [mistakes-have-cures]: only the code of an expression is looked at, never its texts, quoted
 * names and comments. What the parser accepts is reported only if it can mean nothing else.
 */

import type { ExpressionProblem } from '../../expressions/index.js';

interface Habit {
  readonly message: string;
  readonly hint: string;
  /** In the source, from 0. */
  readonly position: number;
}

interface Pattern {
  readonly code: RegExp;
  readonly message: string;
  readonly hint: string;
}

/** What the parser refuses, or reads as something else than the habit means. */
const REFUSED: readonly Pattern[] = [
  { code: /&&/g, message: 'there is no operator &&', hint: 'write and' },
  { code: /\|\|/g, message: 'there is no operator ||', hint: 'write or' },
  { code: /(?<!!)===/g, message: 'there is no operator ===', hint: 'write =' },
  { code: /!==/g, message: 'there is no operator !==', hint: 'write !=' },
  { code: /<>/g, message: 'there is no operator <>', hint: 'write !=' },
  { code: /=>/g, message: '=> makes no function', hint: 'write function($x) { … }' },
  {
    code: /\?\.(?!\d)/g,
    message: 'there is no operator ?.',
    hint: 'write a dot: a missing value gives no error',
  },
  { code: /!(?!=)/g, message: 'there is no operator !', hint: 'write $not(…)' },
  { code: /(?<![\w$.])not\s+(?=[\w$])/g, message: 'there is no operator not', hint: 'write $not(…)' },
  {
    code: /(?<![\w$.])(?:AND|OR|NOT|IN)(?![\w$.(])/g,
    message: 'operators are lower-case',
    hint: 'write and, or, in',
  },
  {
    code: /(?<![\w$.])is\s+(?:not\s+)?null\b/g,
    message: 'there is no operator is null',
    hint: 'write = null',
  },
  { code: /\+\+|--|[-+*]=/g, message: 'an expression changes nothing', hint: 'a step transform.assign does' },
  { code: /^\s*\$?\{\{?/g, message: 'an expression has no braces around it', hint: 'write it without them' },
  { code: /^\s*\./g, message: 'an expression does not begin with a dot', hint: 'write payload.a, vars.a' },
];

const QUOTES = '[\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb]';
const INVISIBLE = '[\u00a0\u00ad\u200b-\u200f\u2028\u2029\u202a-\u202f\u2060\ufeff]';

/** What the parser takes for a part of a name. */
const UNSEEN: readonly Pattern[] = [
  {
    code: new RegExp(QUOTES, 'gu'),
    message: 'a typographic quote makes no text',
    hint: 'write " or \'',
  },
  {
    code: new RegExp(INVISIBLE, 'gu'),
    message: 'an invisible character belongs to the name beside it',
    hint: 'replace it by a space',
  },
];

/** JSONata's codes of a text or a quoted name without its end. */
const UNCLOSED = ['S0101', 'S0105'];

/**
 * The habits in an expression.
 * @param problems what the parser says of it
 */
export function habitsOf(source: string, problems: readonly ExpressionProblem[]): readonly Habit[] {
  const refused = problems.some(({ code }) => code === 'EXPRESSION_SYNTAX');
  // A regular expression may hold quotes.
  if (!refused && source.includes('/')) return [];
  const { code, open } = codeOf(source);
  if (open !== undefined && problems.some(({ jsonata = '' }) => UNCLOSED.includes(jsonata))) {
    return [{ message: 'the quote that opens here is not closed', hint: 'close it', position: open }];
  }
  const found = new Map<number, Habit>();
  for (const { code: pattern, message, hint } of refused ? [...UNSEEN, ...REFUSED] : UNSEEN) {
    const first = [...code.matchAll(pattern)][0];
    if (first === undefined) continue;
    const position = first.index + (first[0].length - first[0].trimStart().length);
    if (!found.has(position)) found.set(position, { message, hint, position });
  }
  return [...found.values()].sort((a, b) => a.position - b.position);
}

const PAIRS: readonly string[] = ['"', "'", '`'];

/**
 * The source with blanks for texts, quoted names and comments.
 * @returns `open`: where a quote opens that is not closed
 */
function codeOf(source: string): { readonly code: string; readonly open?: number } {
  let code = '';
  let at = 0;
  while (at < source.length) {
    const char = source.charAt(at);
    let end = at + 1;
    if (source.startsWith('/*', at)) {
      const close = source.indexOf('*/', at + 2);
      end = close === -1 ? source.length : close + 2;
    } else if (PAIRS.includes(char)) {
      while (end < source.length && source.charAt(end) !== char) {
        end += source.charAt(end) === '\\' && char !== '`' ? 2 : 1;
      }
      if (end >= source.length) return { code, open: at };
      end++;
    } else {
      code += char;
      at = end;
      continue;
    }
    code += ' '.repeat(end - at);
    at = end;
  }
  return { code };
}
