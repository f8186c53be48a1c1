/**
 * Actions by which a test decides when and how something ends. What ran is recorded per run.
 */
import { z } from 'zod';
import { defineAction, SluiceError } from '../../../actions/index.js';
import type { ActionContext, ActionDefinition } from '../../../contracts/run/action.js';

/** One execution of a test action. */
export interface Call {
  readonly runId: string;
  readonly step: string;
  readonly iteration: readonly number[];
  readonly attempt: number;
  readonly key: string;
  readonly input: unknown;
  readonly version: number;
}

export interface TestActions {
  readonly actions: readonly ActionDefinition[];
  readonly calls: Call[];
  /** Lets `test.gate` of that name end, in all runs of the definition; also one that is yet to start. */
  open(runId: string, gate: string): void;
}

export function createTestActions(): TestActions {
  const calls: Call[] = [];
  const gates = new Map<string, { readonly opened: Promise<void>; open(): void }>();
  const gate = (runId: string, name: string) => {
    const id = `${runId}/${name}`;
    const known = gates.get(id);
    if (known !== undefined) return known;
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const made = { opened, open };
    gates.set(id, made);
    return made;
  };
  const record = (context: ActionContext, input: unknown, version = 1): void => {
    const { run, step, attempt, idempotencyKey: key } = context;
    const { iteration } = step;
    calls.push({ runId: run.runId, step: step.id, iteration, attempt, key, input, version });
  };

  const echo = (version: number) =>
    defineAction({
      id: 'test.echo',
      version,
      description: 'Gives back its input and the version of the action; what it got is recorded.',
      input: z.json(),
      output: z.strictObject({ input: z.json(), version: z.number() }),
      run(input, context) {
        record(context, input, version);
        return { input, version };
      },
    });

  const flaky = defineAction({
    id: 'test.flaky',
    version: 1,
    description: 'Fails its first attempts.',
    input: z.strictObject({
      failures: z.int(),
      code: z.string().default('FLAKY'),
      retryable: z.boolean().default(true),
    }),
    output: z.strictObject({ attempt: z.int(), key: z.string() }),
    run(input, context) {
      record(context, input);
      const { attempt, idempotencyKey: key } = context;
      if (attempt <= input.failures) {
        throw new SluiceError(input.code, `failure ${attempt}`, {
          retryable: input.retryable,
          details: { attempt },
        });
      }
      return { attempt, key };
    },
  });

  const gated = defineAction({
    id: 'test.gate',
    version: 1,
    description: 'Ends when the test opens its gate, or when it is told to stop.',
    input: z.strictObject({ gate: z.string(), output: z.json().default(null), fail: z.string().optional() }),
    output: z.json(),
    async run(input, context) {
      record(context, input);
      const { signal } = context;
      await new Promise<void>((resolve, reject) => {
        const stop = (): void => reject(new Error('told to stop'));
        if (signal.aborted) stop();
        signal.addEventListener('abort', stop, { once: true });
        void gate(context.run.runId, input.gate).opened.then(resolve);
      });
      if (input.fail !== undefined) {
        throw new SluiceError(input.fail, `gate ${input.gate}`, { retryable: false });
      }
      return input.output;
    },
  });

  const size = defineAction({
    id: 'test.size',
    version: 1,
    description: 'Gives text of that many characters.',
    input: z.strictObject({ characters: z.int() }),
    output: z.string(),
    run: ({ characters }) => 'x'.repeat(characters),
  });

  const swallow = defineAction({
    id: 'test.swallow',
    version: 1,
    description: 'Takes input of any size and gives nothing back.',
    input: z.json(),
    output: z.null(),
    run(_input, context) {
      record(context, null);
      return null;
    },
  });

  const reveal = defineAction({
    id: 'test.reveal',
    version: 1,
    description: 'Says how long a secret is.',
    input: z.strictObject({ secret: z.string() }),
    output: z.strictObject({ characters: z.int() }),
    run: ({ secret }) => ({ characters: secret.length }),
  });

  const wrong = defineAction({
    id: 'test.wrong-output',
    version: 1,
    description: 'Breaks its own output schema.',
    input: z.json(),
    output: z.strictObject({ right: z.boolean() }),
    run: () => ({ right: 'no' }) as unknown as { right: boolean },
  });

  const unauthorized = defineAction({
    id: 'test.unauthorized',
    version: 1,
    description: 'Fails as a policy would.',
    input: z.json(),
    output: z.never(),
    run() {
      throw new SluiceError('UNAUTHORIZED', 'not you');
    },
  });

  return {
    actions: [echo(1), echo(2), flaky, gated, size, swallow, reveal, wrong, unauthorized],
    calls,
    open: (runId, name) => gate(runId, name).open(),
  };
}
