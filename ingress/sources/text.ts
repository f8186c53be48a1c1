const strict = new TextDecoder('utf-8', { fatal: true });

/**
 * Bytes as text.
 * @throws TypeError where they are no UTF-8: replaced characters would make two different events one
 */
export function decodeText(bytes: Uint8Array): string {
  return strict.decode(bytes);
}
