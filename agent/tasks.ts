/**
 * Tasks: the work under way for connections, which the end of a host waits for, counted by
 * the service that the clients came to.
 *
 * @module
 */

import {
  type Service,
  type ServiceCounters,
  SERVICES,
} from "../wire/control/agent_services.ts";

/** The work for the clients of a service. */
class Work implements ServiceCounters {
  clients = 0;
  served = 0;
  turnedAway = 0;
  readonly #onEnd: () => void;
  readonly #warn: (message: string) => void;

  constructor(warn: (message: string) => void, onEnd: () => void) {
    this.#warn = warn;
    this.#onEnd = onEnd;
  }

  readonly end = (): void => {
    this.clients--;
    this.#onEnd();
  };

  readonly fail = (error: unknown): void => {
    this.#warn(`A connection failed unexpectedly: ${error}`);
    this.end();
  };
}

/** Work under way. */
export class Tasks {
  readonly #work: Readonly<Record<Service, Work>>;
  #underWay = 0;
  /** Those who wait for the end of all work. */
  #waiting: (() => void)[] = [];

  /** Tells unexpected failures of work by `warn`. */
  constructor(warn: (message: string) => void) {
    const work = SERVICES.map((service) => [service, new Work(warn, this.#end)]);
    this.#work = Object.fromEntries(work);
  }

  /** The clients of each service. */
  get counters(): Record<Service, ServiceCounters> {
    const counters = SERVICES.map((service) => {
      const { clients, served, turnedAway } = this.#work[service];
      return [service, { clients, served, turnedAway }];
    });
    return Object.fromEntries(counters);
  }

  /** Counts `task` as work for a client of the service, until its end or failure. */
  track(task: Promise<void>, service: Service): void {
    const work = this.#work[service];
    work.clients++;
    work.served++;
    this.#underWay++;
    task.then(work.end, work.fail);
  }

  /** Counts a client that was turned away. */
  turnedAway(service: Service): void {
    this.#work[service].turnedAway++;
  }

  /** Settles when all work has ended. Never rejects. */
  ended(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  readonly #end = (): void => {
    if (--this.#underWay > 0) return;
    for (const tell of this.#waiting.splice(0)) tell();
  };
}
