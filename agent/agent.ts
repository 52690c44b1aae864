/**
 * Agent: the program that runs on a host. An agent is configured by the manager's first
 * request, brings up a stack with the host's virtual address, listens for the ports of the
 * mesh, and ends when its input ends.
 *
 * @module
 */

import { answerTo } from "../link/calls.ts";
import { stackModule } from "../stack/module.ts";
import {
  type AgentStatus,
  ControlError,
  type ControlEvent,
  decodeControl,
  encodeControl,
  type ListenerStatus,
  parseConfigureArgs,
  parseExtendArgs,
  parseHostDown,
} from "../wire/control/control.ts";
import { parseCidr } from "../wire/ip/ipv4.ts";
import { Crowding } from "./crowding.ts";
import { Host } from "./host.ts";
import { CREDIT_FEATURE } from "../wire/credit.ts";
import { LivingStack } from "./living_stack.ts";
import { machineId } from "./machine.ts";
import type { AgentPort } from "./port.ts";
import { Pump } from "./pump.ts";

/** The features of an agent of this version; see `docs/protocol.md`. */
export const FEATURES: readonly string[] = [
  "loopback",
  "tcp",
  "http",
  "socks",
  "loopback.disable",
  "hostaliases",
  "etchosts",
  "routes",
  "dns",
  "ping",
  "hostDown",
  "status",
  "extend",
  "resolveFor",
  CREDIT_FEATURE,
];

/** A manager that does not ask for the status in this time only shows our stderr. */
const STATUS_WAIT_MS = 1000;

/** Messages without sense that are each told; of more only every tenth power. */
const MOST_NONSENSE = 10;

/** A line of text for people. */
export interface AgentLogEvent {
  readonly level: "warning";
  readonly message: string;
}

/** Options of {@linkcode runAgent}. */
export interface AgentOptions {
  /** Told to the manager, for people. */
  readonly version: string;
  /** Takes a line of text for people: a warning, or why something could not be done. */
  readonly log: (event: AgentLogEvent) => void;
  /**
   * Whether the link is memory of this process: nothing waits in it, and neither end has to
   * acknowledge. Default false.
   */
  readonly isLocal?: boolean;
  /** Ends the agent as the end of its input does. */
  readonly signal?: AbortSignal;
}

/**
 * Runs an agent on `port` until its input ends or `signal` is aborted; by then its
 * listeners are closed and its connections reset.
 *
 * Rejects if the link breaks, or with an Error that shows the bytes if the input is not
 * NoRouter's protocol.
 */
export async function runAgent(port: AgentPort, options: AgentOptions): Promise<void> {
  const agent = new Agent(port, options);
  await agent.run(await stackModule());
}

class Agent {
  readonly #options: AgentOptions;
  readonly #pump: Pump;
  #stack!: LivingStack;
  #host: Host | undefined;
  /** Whether the manager asked for the status. */
  #toldStatus = false;
  #tellFailures: ReturnType<typeof setTimeout> | undefined;
  /** Messages of the manager that made no sense. */
  #nonsense = 0;

  constructor(port: AgentPort, options: AgentOptions) {
    this.#options = options;
    this.#pump = new Pump({ port, onControl: (payload) => this.#onControl(payload) });
  }

  async run(module: WebAssembly.Module): Promise<void> {
    const now = () => performance.now();
    const crowding = new Crowding({ warn: (message) => this.#warn(message), now });
    this.#stack = new LivingStack({
      module,
      onSyn: (connection) => this.#host?.serve(connection),
      onTouched: () => this.#pump.touched(),
      onTurnedAway: (address, count) => crowding.note(address, count),
      onRenewed: (error, lost) => {
        this.#pump.start();
        this.#pump.touched();
        const times = `${this.#stack.statistics().renewals} since the start`;
        this.#warn(
          `${error.message}. It was made anew (${times}); connections reset: ${lost}`,
        );
      },
      onGivenUp: (error) => this.#pump.fail(error),
      now,
    });
    const { signal } = this.#options;
    const stop = () => this.#pump.stop();
    signal?.addEventListener("abort", stop);
    try {
      if (!signal?.aborted) await this.#pump.run(this.#stack);
    } finally {
      signal?.removeEventListener("abort", stop);
      clearTimeout(this.#tellFailures);
      await this.#host?.end();
    }
  }

  #warn(message: string): void {
    this.#options.log({ level: "warning", message });
  }

  get #features(): readonly string[] {
    if (!this.#options.isLocal) return FEATURES;
    return FEATURES.filter((feature) => feature !== CREDIT_FEATURE);
  }

  // ---- messages of the manager ----

  #onControl(payload: Uint8Array): void {
    try {
      const message = decodeControl(payload);
      if (message.type === "request") {
        this.#pump.send(answerTo(message.body, (op, args) => this.#perform(op, args)));
      } else if (message.type === "event") this.#onEvent(message.body);
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      this.#nonsense++;
      if (
        this.#nonsense > MOST_NONSENSE && !Number.isInteger(Math.log10(this.#nonsense))
      ) {
        return;
      }
      const count = this.#nonsense > MOST_NONSENSE ? ` (the ${this.#nonsense}th)` : "";
      this.#warn(
        `The manager sent a message that makes no sense${count}: ${error.message}`,
      );
    }
  }

  #perform(op: string, args: unknown): unknown {
    switch (op) {
      case "configure":
        this.#configure(args);
        return { features: this.#features, version: this.#options.version };
      case "extend":
        if (!this.#host) throw new ControlError("This agent is not configured yet");
        this.#host.extend(parseExtendArgs(args));
        return undefined;
      case "ping":
        return undefined;
      case "status":
        clearTimeout(this.#tellFailures);
        this.#toldStatus = true;
        return {
          ...statusOf(this.#host?.statuses ?? []),
          stack: this.#stack.statistics(),
        } satisfies AgentStatus;
      default:
        throw new ControlError(
          `This agent cannot "${op}"; it can configure, extend, ping, status`,
        );
    }
  }

  /** Listeners that had failed are up: news for a manager that was told so. */
  #listening(statuses: readonly ListenerStatus[]): void {
    if (this.#toldStatus) {
      const body = { type: "listeners", data: statusOf(statuses) };
      this.#pump.send(encodeControl({ type: "event", body }));
    } else {
      for (const { address } of statuses) this.#warn(`Listening on ${address} now`);
    }
  }

  #onEvent({ type, data }: ControlEvent): void {
    if (type !== "hostDown") return; // an event newer than this agent
    const { ip, ranges } = parseHostDown(data);
    for (const range of [`${ip}/32`, ...ranges]) {
      const cidr = parseCidr(range);
      if (!cidr) {
        throw new ControlError(`hostDown names ${JSON.stringify(range)}, no range`);
      }
      if (this.#host) this.#stack.abortRange(cidr.network, cidr.prefix);
    }
  }

  #configure(args: unknown): void {
    if (this.#host) throw new ControlError("This agent is configured already");
    this.#host = new Host(parseConfigureArgs(args), {
      stack: this.#stack,
      warn: (message) => this.#warn(message),
      suggest: (data) => {
        const body = { type: "routeSuggestion", data };
        this.#pump.send(encodeControl({ type: "event", body }));
      },
      sent: () => this.#pump.sent(),
      listening: (statuses) => this.#listening(statuses),
    });
    this.#pump.start();
    if (this.#host.statuses.every(({ error }) => !error)) return;
    this.#tellFailures = setTimeout(() => {
      for (const { address, error } of this.#host!.statuses) {
        if (error) this.#warn(`Cannot listen on ${address}: ${error.message}`);
      }
    }, STATUS_WAIT_MS);
  }
}

function statusOf(listeners: readonly ListenerStatus[]): AgentStatus {
  const machine = machineId();
  return { listeners: [...listeners], ...(machine !== undefined && { machine }) };
}
