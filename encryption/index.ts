/** Encryption of what Temporal and the database store, and claims about who sent it. */
export { claimingConverter, encryptingConverter, FAILURE_CONVERTER_PATH } from './data-converter.js';
export { checkKeyRing, KeyRing, newKey, readKeyRing, readKeyRingFile, type KeyRingFile } from './key-ring.js';
export { EncryptingCodec } from './payload-codec.js';
export { RingSeal } from './value-seal.js';
