/**
 * The database writes of an action, made safe for a transaction that belongs to Sluice: each becomes a
 * separate block with its own variables, and none can end or leave the transaction.
 */
import { SluiceError } from '../../contracts/errors.js';
import type { DomainStatement } from '../../contracts/run/projection.js';
import type { Variables } from '../connection/connection.js';
import type { Statement } from '../connection/unit-of-work.js';

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Names that an action's variables can't have: SurrealDB reserves them. */
const RESERVED = new Set(['auth', 'session', 'token', 'value', 'before', 'after', 'this', 'parent', 'event']);

// Strings, quoted names and comments: a keyword in them has no effect.
const OPAQUE = /'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`|⟨[^⟩]*⟩|\/\*[\s\S]*?\*\/|(?:--|\/\/|#)[^\n]*/g;

// At a RETURN statement the engine ends the whole transaction, successfully and at once.
const FORBIDDEN =
  /(?:^|[;{(]|\bTHEN\b|\bELSE\b)\s*(?:RETURN|BEGIN|COMMIT|CANCEL|USE|LIVE|KILL|OPTION|DEFINE|REMOVE|ALTER)\b/i;

/**
 * Turns an action's writes into statements of its transaction.
 * @param writes in the order in which they run
 * @returns one statement each, which runs only where `$finished` is true
 * @throws SluiceError INPUT_INVALID where a statement would end or leave the transaction
 */
export function domainStatements(writes: readonly DomainStatement[]): {
  readonly statements: readonly Statement[];
  readonly variables: Variables;
} {
  const statements = writes.map(({ label, statement, variables }, i): Statement => {
    const bare = statement.replace(OPAQUE, ' ').trim().replace(/;$/, '');
    if (bare === '') throw refuse(label, 'is empty');
    if (bare.includes(';')) throw refuse(label, 'holds more than one statement');
    const [forbidden] = FORBIDDEN.exec(bare) ?? [];
    if (forbidden !== undefined) throw refuse(label, `may not use ${forbidden.replace(/\W/g, '').trim()}`);
    const lets = Object.keys(variables).map((name) => {
      if (!NAME.test(name) || RESERVED.has(name)) throw refuse(label, `has a variable named ${name}`);
      return `LET $${name} = $writes[${i}].${name};`;
    });
    return {
      label: `write:${label}`,
      text: `IF $finished { ${lets.join(' ')}\n${statement.trim().replace(/;$/, '')}\n}`,
    };
  });
  return { statements, variables: { writes: writes.map(({ variables }) => variables) } };
}

function refuse(label: string, why: string): SluiceError {
  return new SluiceError(
    'INPUT_INVALID',
    `The database write "${label}" ${why}: add one statement that reads or changes rows`,
    { details: { label } },
  );
}
