/** A real browser, driven over its DevTools protocol. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { z } from 'zod';
import { chromiumBinary } from '../../support/requirements.js';

const Message = z.object({
  id: z.number().optional(),
  result: z.record(z.string(), z.unknown()).optional(),
  error: z.object({ message: z.string() }).optional(),
});
const Evaluated = z.object({
  result: z.object({ value: z.unknown().optional() }),
  exceptionDetails: z.looseObject({}).optional(),
});

/** The checks of newer browsers for private addresses are off: Sluice must not need them. */
const OFF =
  'LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,HttpsUpgrades,HttpsFirstBalancedMode';

/** A page that is open in the browser. */
export interface Page {
  /** The value of an expression in the page; a promise is awaited. */
  evaluate(expression: string): Promise<unknown>;
}

export class Chromium {
  #last = 0;
  readonly #waiting = new Map<number, (message: z.infer<typeof Message>) => void>();

  private constructor(
    private readonly child: ChildProcess,
    private readonly socket: WebSocket,
    private readonly profile: string,
  ) {
    socket.on('message', (data: Buffer) => {
      const message = Message.parse(JSON.parse(data.toString('utf8')));
      if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
    });
  }

  /** Starts one, for which every name of a host is this machine. */
  static async start(): Promise<Chromium> {
    const profile = mkdtempSync(join(tmpdir(), 'sluice-chromium-'));
    const child = spawn(
      chromiumBinary ?? '',
      [
        ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
        ...['--disable-background-networking', '--disable-component-update', '--no-proxy-server'],
        ...[`--disable-features=${OFF}`, '--host-resolver-rules=MAP * 127.0.0.1'],
        ...[`--user-data-dir=${profile}`, '--remote-debugging-port=0', 'about:blank'],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    );
    for await (const line of createInterface({ input: child.stderr })) {
      const url = /^DevTools listening on (ws:\S+)/.exec(line)?.[1];
      if (url === undefined) continue;
      child.stderr.resume();
      const socket = new WebSocket(url);
      await once(socket, 'open');
      return new Chromium(child, socket, profile);
    }
    throw new Error('Chromium ended before it listened');
  }

  /** Opens a page, and waits until it has loaded. */
  async open(url: string): Promise<Page> {
    const { targetId } = await this.#send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.#send('Target.attachToTarget', { targetId, flatten: true });
    const session = String(sessionId);
    await this.#send('Page.navigate', { url }, session);
    const evaluate = async (expression: string): Promise<unknown> => {
      const answer = Evaluated.parse(
        await this.#send(
          'Runtime.evaluate',
          { expression, awaitPromise: true, returnByValue: true, userGesture: true },
          session,
        ),
      );
      if (answer.exceptionDetails !== undefined) throw new Error(JSON.stringify(answer.exceptionDetails));
      return answer.result.value;
    };
    await evaluate(
      "document.readyState === 'complete' || new Promise((done) => addEventListener('load', () => done(true)))",
    );
    return { evaluate };
  }

  async stop(): Promise<void> {
    this.socket.terminate();
    const gone = once(this.child, 'exit');
    if (this.child.exitCode === null) {
      // Its helpers are in its process group: any that outlived it would go on writing into the profile.
      process.kill(-(this.child.pid ?? 0), 'SIGKILL');
      await gone;
    }
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 100, retryDelay: 50 });
  }

  async #send(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    const answered = new Promise<z.infer<typeof Message>>((resolve) => this.#waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }));
    const { result, error } = await answered;
    this.#waiting.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }
}
