const strict = new TextDecoder('utf-8', { fatal: true });

/**
 * Decodes UTF-8.
 * @throws TypeError where the bytes are not UTF-8: replacement characters would make two different events
 *   equal
 */
export function decodeText(bytes: Uint8Array): string {
  return strict.decode(bytes);
}
