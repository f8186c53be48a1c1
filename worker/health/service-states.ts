/**
 * Which services a worker is connected to: what its log, its metrics and its health say of them.
 *
 * Invariant: a lost service is visible from the first failed try on, and never ends the process. So is a
 * database without the schema.
 */
import type { Logger } from 'pino';
import type { SluiceError } from '../../contracts/errors.js';
import type { Service } from '../../contracts/services/watch.js';

const NAMES: Readonly<Record<Service, string>> = {
  database: 'The database',
  temporal: 'Temporal',
  redis: 'Redis',
};

/** Why a service is lost. */
export interface Loss {
  readonly code: string;
  readonly reason: string | undefined;
}

export class ServiceStates {
  readonly #losses = new Map<Service, Loss>();
  #polls = false;
  #show: ((service: Service, connected: 0 | 1) => void) | undefined;

  constructor(private readonly log: Pick<Logger, 'info' | 'warn'>) {}

  /** Whether the process has begun its work. */
  get polls(): boolean {
    return this.#polls;
  }

  /** Notes that the process has begun its work. */
  begin(): void {
    this.#polls = true;
  }

  /** The services that are lost. */
  get losses(): ReadonlyMap<Service, Loss> {
    return this.#losses;
  }

  /**
   * Notes whether the database has the schema. That it is away is for its connection to say.
   * @param error what a look at it showed
   */
  noteSchema(error: SluiceError | undefined): void {
    const lost = this.#losses.get('database');
    if (error?.code.startsWith('SCHEMA_') === true) {
      this.note('database', { code: error.code, reason: error.message });
    } else if (error === undefined && lost?.code.startsWith('SCHEMA_') === true) {
      this.note('database', undefined);
    }
  }

  /** Shows each state by metrics, from now on. */
  showBy(show: (service: Service, connected: 0 | 1) => void, services: readonly Service[]): void {
    this.#show = show;
    for (const service of services) show(service, this.#losses.has(service) ? 0 : 1);
  }

  /** Notes a state; the log gets it where it, or its reason, has changed. @param loss undefined: connected */
  note(service: Service, loss: Loss | undefined): void {
    const before = this.#losses.get(service);
    this.#show?.(service, loss === undefined ? 1 : 0);
    if (loss === undefined) {
      if (this.#losses.delete(service)) this.log.info({}, `${NAMES[service]} is connected again`);
      return;
    }
    this.#losses.set(service, loss);
    if (loss.reason === before?.reason && loss.code === before?.code) return;
    this.log.warn({ ...loss }, `${NAMES[service]} is lost; it is tried again without end`);
  }
}
