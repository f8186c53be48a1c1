/**
 * Moves the message and the stack of failures into a payload, which the codec encrypts. It reads failures
 * of both forms. CommonJS, because the SDK loads it by `require` from its path, also where the rest runs as
 * TypeScript.
 */
const { DefaultFailureConverter } = require('@temporalio/common');

/** Named as Temporal's `failureConverterPath` expects it. */
exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
