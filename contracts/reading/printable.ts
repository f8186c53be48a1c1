/**
 * Data as text for a terminal.
 *
 * Invariant: no control character of data reaches a terminal (C0, DEL, C1, and those that turn the direction
 * of text): it could recolour, overwrite or forge lines, set the clipboard or answer for the person. Each is
 * shown as JSON writes it (`\u001b`).
 */

const LINE_FEED = '\n';

function isControl(code: number): boolean {
  return (
    code < 0x20 ||
    (code >= 0x7f && code <= 0x9f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069)
  );
}

/**
 * @param keepLines keeps line feeds, for a text of several lines
 */
export function printable(text: string, { keepLines = false } = {}): string {
  let shown = '';
  for (const character of text) {
    const code = character.charCodeAt(0);
    const passes = !isControl(code) || (keepLines && character === LINE_FEED);
    shown += passes ? character : `\\u${code.toString(16).padStart(4, '0')}`;
  }
  return shown;
}
