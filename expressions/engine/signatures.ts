/** What the functions of the catalogue take and give, as the engine itself declares it. */
import { theEngine } from './engine.js';

/**
 * The signature of a built-in function in JSONata's notation, such as `<s-nn?:s>`.
 * @param name without `$`
 * @returns undefined for a function that declares none: those of Sluice
 */
export function signatureOf(name: string): string | undefined {
  const found = theEngine().allowed.lookup(name) as
    { readonly signature?: { readonly definition?: unknown } } | undefined;
  const definition = found?.signature?.definition;
  return typeof definition === 'string' ? definition : undefined;
}
