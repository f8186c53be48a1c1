/** The small built-in actions that tests, examples and benchmarks share. */
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { ErrorCodeName } from '../../contracts/definition/names.js';
import { SluiceError } from '../../contracts/errors.js';
import { defineAction } from '../registry/define-action.js';

const LONGEST_SLEEP_MS = 24 * 60 * 60 * 1000;

const echo = defineAction({
  id: 'core.echo',
  version: 1,
  readOnly: true,
  description: 'Returns its input.',
  input: z.json(),
  output: z.json(),
  run: (input) => input,
});

const log = defineAction({
  id: 'core.log',
  version: 1,
  description: "Writes a line to the worker's log.",
  input: z.strictObject({
    message: z.string(),
    level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    fields: z.record(z.string(), z.json()).default({}),
  }),
  output: z.null(),
  run({ message, level, fields }, context) {
    context.log[level](message, fields);
    return null;
  },
});

const fail = defineAction({
  id: 'core.fail',
  version: 1,
  readOnly: true,
  description: 'Fails with the given error.',
  input: z.strictObject({
    code: ErrorCodeName.default('FAILED'),
    message: z.string().default('Failed on purpose'),
    details: z.json().optional(),
    retryable: z.boolean().default(false),
  }),
  output: z.never(),
  run({ code, message, details, retryable }) {
    throw new SluiceError(code, message, { retryable, ...(details === undefined ? {} : { details }) });
  },
});

const sleep = defineAction({
  id: 'core.sleep',
  version: 1,
  description: 'Sleeps in the worker. `time.wait` waits without occupying one.',
  input: z.strictObject({ ms: z.int().nonnegative().max(LONGEST_SLEEP_MS) }),
  output: z.null(),
  async run({ ms }, { signal }) {
    await wait(ms, undefined, { signal });
    return null;
  },
});

export const coreActions = [echo, log, fail, sleep] as const;
