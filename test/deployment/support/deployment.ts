/**
 * The services of docker-compose.yml as processes of this machine: the same commands and variables, in
 * the order of compose, each awaited by its own health check.
 *
 * Invariants
 * - Only addresses, paths and ports differ from the file: here all processes share one network and one
 *   disk.
 * - A program that compose runs from another project's image is that program of this machine. A Temporal
 *   dev server, with TLS in front of it, replaces PostgreSQL and Temporal on it; the Web UI and what prepares
 *   a volume are left out.
 * - Nothing outlives `stop`: every process is killed by its id.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Agent, fetch } from 'undici';
import { findTemporalCli } from '../../../worker/temporal-server/find-cli.js';
import { freePort } from '../../../worker/temporal-server/ports.js';
import { surrealBinary } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';
import { readCompose, temporalSettings, type Compose, type Service } from './compose-file.js';
import { jsonWords, type Image } from './image.js';
import { startTlsFront, type TlsFront } from './tls-front.js';

/** Processes of Sluice run as an unprivileged user, not as root. */
const UNPRIVILEGED = { uid: 65_534, gid: 65_534 };
const ABSENT = new Set(['postgres', 'temporal-ui', 'surrealdb-volume']);

export class Process {
  #output = '';
  readonly ended: Promise<number | null>;

  constructor(
    readonly name: string,
    readonly child: ChildProcess,
    /** Finds the place in this machine of what a health check asks. */
    readonly healthcheck: readonly string[] | undefined,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    }
    this.ended = once(child, 'exit').then(([code]) => code as number | null);
  }

  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Ends it; gives its exit code, null where a signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.running) this.child.kill(signal);
    return this.ended;
  }
}

export class Deployment {
  readonly #processes: Process[] = [];
  #front: TlsFront | undefined;
  readonly #ports = new Map<string, number>();
  readonly #directory = mkdtempSync(join(tmpdir(), 'sluice-deployment-'));
  readonly #cli: string;
  readonly compose: Compose;

  private constructor(
    private readonly image: Image,
    given: Readonly<Record<string, string>>,
    cli: string,
  ) {
    chmodSync(this.#directory, 0o755);
    this.#cli = cli;
    this.compose = readCompose(given);
  }

  /** @param given the variables that compose wants */
  static async create(image: Image, given: Readonly<Record<string, string>>): Promise<Deployment> {
    const cli = await findTemporalCli({ env: process.env, log: () => undefined });
    return new Deployment(image, given, cli.path);
  }

  /** `127.0.0.1:PORT` for `host:port` of the file. */
  async at(place: string): Promise<string> {
    const port = this.#ports.get(place) ?? (await freePort('127.0.0.1'));
    this.#ports.set(place, port);
    return `127.0.0.1:${port}`;
  }

  /** The place on this machine of a path in a volume. */
  path(inVolume: string): string {
    return join(this.#directory, inVolume);
  }

  /** Whether the database answers an account's query; false where it refuses the account or the right. */
  async query(query: string, user: string, password: string): Promise<boolean> {
    const response = await fetch(`https://${await this.at('surrealdb:8000')}/sql`, {
      method: 'POST',
      headers: {
        ...{ 'surreal-ns': 'sluice', 'surreal-db': 'sluice' },
        ...{ 'surreal-auth-ns': 'sluice', 'surreal-auth-db': 'sluice' },
        authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
        accept: 'application/json',
      },
      body: query,
      dispatcher: new Agent({ connect: { ca: readFileSync(this.path('certificates/ca.pem'), 'utf8') } }),
    });
    if (!response.ok) return false;
    const answers = (await response.json()) as { readonly status?: string }[] | object;
    return Array.isArray(answers) && answers.every(({ status }) => status === 'OK');
  }

  /** Starts everything in order, and waits until all of it is healthy. */
  async up(): Promise<void> {
    const started = new Set<string>(ABSENT);
    const names = Object.keys(this.compose.services);
    while (started.size < names.length) {
      const ready = names.filter(
        (name) =>
          !started.has(name) &&
          Object.keys(this.service(name).depends_on).every((needed) => started.has(needed)),
      );
      if (ready.length === 0) throw new Error('services wait for each other');
      for (const name of ready) {
        for (let i = 0; i < (this.service(name).deploy?.replicas ?? 1); i++) await this.start(name);
        started.add(name);
      }
    }
  }

  service(name: string): Service {
    const service = this.compose.services[name];
    if (service === undefined) throw new Error(`no service ${name}`);
    return service;
  }

  /** Processes of a service that run. */
  running(name: string): readonly Process[] {
    return this.#processes.filter((process) => process.name === name && process.running);
  }

  /** Starts one process of a service, and waits until it is healthy, or where it runs once has ended well. */
  async start(name: string, more: Readonly<Record<string, string>> = {}): Promise<Process> {
    const service = this.service(name);
    const replica = `${name}#${this.#processes.filter((process) => process.name === name).length}`;
    const { command, cwd, env, asNobody } = await this.programOf(name, service, replica);
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd,
      env: { ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(asNobody && this.mayBeNobody() && UNPRIVILEGED),
    });
    const healthcheck = service.healthcheck && (await this.localWords(service.healthcheck.test, replica));
    const started = new Process(name, child, healthcheck);
    this.#processes.push(started);
    if (service.restart === 'on-failure') {
      const code = await started.ended;
      if (code !== 0) throw new Error(`${name} ended with ${code}:\n${started.output}`);
    } else if (healthcheck !== undefined) {
      await waitFor(async () => !started.running || (await this.isHealthy(started, env)), 60_000);
      if (!started.running) throw new Error(`${name} has ended:\n${started.output}`);
    }
    return started;
  }

  /** True where this process may choose the user of others, and that user may read Node and the image. */
  private mayBeNobody(): boolean {
    if (process.getuid?.() !== 0) return false;
    const reads = `require('fs').readFileSync(${JSON.stringify(join(this.image.app, 'node_modules', 'tsx', 'package.json'))})`;
    return spawnSync('node', ['-e', reads], { ...UNPRIVILEGED, stdio: 'ignore' }).status === 0;
  }

  /** As `docker compose run --rm NAME COMMAND`: runs to its end. */
  async run(name: string, command: string[]): Promise<Process> {
    const service = { ...this.service(name), command };
    const program = await this.programOf(name, service, `${name}#run`);
    const [first = '', ...args] = program.command;
    const child = spawn(first, args, {
      cwd: program.cwd,
      env: program.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(program.asNobody && this.mayBeNobody() && UNPRIVILEGED),
    });
    const started = new Process(name, child, undefined);
    this.#processes.push(started);
    await started.ended;
    return started;
  }

  /** Runs the health check of a process once. */
  async isHealthy({ healthcheck }: Process, env: NodeJS.ProcessEnv): Promise<boolean> {
    const [kind, ...words] = healthcheck ?? [];
    const [program = '', ...args] = kind === 'CMD-SHELL' ? ['sh', '-c', ...words] : words;
    const child = spawn(program, args, { env, stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code === 0;
  }

  /** Kills what still runs, last first, and removes all data. */
  async stop(): Promise<void> {
    for (const process of [...this.#processes].reverse()) await process.end('SIGKILL');
    await this.#front?.close();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  private async programOf(name: string, service: Service, replica: string) {
    const environment = Object.fromEntries(
      await Promise.all(
        Object.entries(service.environment).map(
          async ([key, value]) => [key, await this.local(value, replica)] as const,
        ),
      ),
    );
    const tools = `${dirname(this.#cli)}${delimiter}${dirname(surrealBinary ?? '')}${delimiter}${process.env['PATH'] ?? ''}`;
    const base = {
      cwd: this.#directory,
      env: { PATH: tools, HOME: this.#directory, ...environment },
      asNobody: false,
    };
    if (service.image.startsWith('sluice:')) {
      const entrypoint = jsonWords('ENTRYPOINT').map((word) => word.replace('/app', this.image.app));
      const words = service.command ?? jsonWords('CMD');
      if (service.entrypoint !== undefined) {
        const script = [...service.entrypoint, ...words].map((word) =>
          word.replace(/^\/app/, this.image.app),
        );
        return { ...base, command: await this.localWords(script, replica) };
      }
      const secrets = this.secretFiles(service);
      const env = { PATH: process.env['PATH'], ...this.image.env, ...environment, ...secrets };
      return { command: [...entrypoint, ...words], cwd: this.image.app, env, asNobody: true };
    }
    if (name === 'temporal') return { ...base, command: await this.devServer(service) };
    const words = await this.localWords([...(service.entrypoint ?? []), ...(service.command ?? [])], replica);
    if (name === 'surrealdb') {
      const mounted = words.map((word) => this.configFile(service, word));
      return { ...base, command: [surrealBinary ?? '', ...mounted, '--log', 'none'] };
    }
    if (name === 'redis') {
      const port = Number((await this.at('redis:6379')).split(':')[1]);
      const [shell = '', flag = '', script = ''] = words;
      return {
        ...base,
        command: [shell, flag, `${script} --tls-port ${port} --bind 127.0.0.1 --dir ${this.#directory}`],
      };
    }
    return { ...base, command: words };
  }

  /** What the image of Temporal sets up by these variables, of the dev server. */
  private async devServer({ environment }: Service): Promise<string[]> {
    const port = await freePort('127.0.0.1');
    const [ip = '', front = ''] = (await this.at('temporal:7233')).split(':');
    this.#front = await startTlsFront(Number(front), port, this.path('certificates/temporal'));
    const { DEFAULT_NAMESPACE: namespace = '' } = environment;
    return [
      ...[
        this.#cli,
        'server',
        'start-dev',
        '--headless',
        '--ip',
        ip,
        '--port',
        `${port}`,
        '--namespace',
        namespace,
      ],
      ...[
        '--log-level',
        'never',
        '--dynamic-config-value',
        'system.forceSearchAttributesCacheRefreshOnRead=true',
      ],
      ...temporalSettings(this.compose).flatMap((setting) => ['--dynamic-config-value', setting]),
    ];
  }

  /** Secrets are mounted as files, which their variables name. */
  private secretFiles({ secrets, environment }: Service): Record<string, string> {
    const files: Record<string, string> = {};
    for (const secret of secrets) {
      const mounted = `/run/secrets/${secret}`;
      for (const [name, value] of Object.entries(environment)) {
        if (value === mounted) files[name] = this.compose.secrets[secret]?.file ?? '';
      }
    }
    return files;
  }

  /** The file on this machine of a config that is mounted at this path; any other word as it is. */
  private configFile({ configs }: Service, word: string): string {
    const mounted = configs.find(({ target }) => target === word);
    if (mounted === undefined) return word;
    return this.file(mounted.source, this.compose.configs[mounted.source]?.content ?? '');
  }

  private localWords(words: readonly string[], replica: string): Promise<string[]> {
    return Promise.all(words.map((word) => this.local(word, replica)));
  }

  /** A text of the file with the addresses and paths of this machine. */
  private async local(text: string, replica: string): Promise<string> {
    const [service = ''] = replica.split('#');
    let result = text;
    for (const [whole, host = '', port = ''] of text.matchAll(
      /\b(temporal|surrealdb|redis|bridge|0\.0\.0\.0|127\.0\.0\.1):(\d{4,5})\b/g,
    )) {
      const shared = /^[a-z]/.test(host) ? `${host}:${port}` : `${service}:${port}`;
      // Each replica has its own network, and with it its own port of metrics.
      const place = service === 'worker' && !/^[a-z]/.test(host) ? `${replica}:${port}` : shared;
      result = result.replace(whole, await this.at(place));
    }
    if (text.startsWith('rocksdb:///data')) {
      const data = join(this.#directory, 'data');
      mkdirSync(data, { recursive: true });
      // Not every build of the server has the engine that the image has.
      result = result.replace('rocksdb:///data', `surrealkv://${data}`);
    }
    return result
      .replaceAll(/(?<![\w/])\/certificates\b/g, join(this.#directory, 'certificates'))
      .replace(/^\/surreal$/, surrealBinary ?? '')
      .replace('redis-cli ', `redis-cli -p ${(await this.at('redis:6379')).split(':')[1]} `);
  }

  /** A file that compose is given by its path. */
  file(name: string, content: string): string {
    return writeReadable(join(this.#directory, name), content);
  }
}

/** Writes a file that any user may read. */
export function writeReadable(path: string, content: string): string {
  writeFileSync(path, content, { mode: 0o644 });
  return path;
}
