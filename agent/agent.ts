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
  AWAY_FEATURE,
  type ConfigureArgs,
  type ConfigureData,
  ControlError,
  type ControlEvent,
  type ControlRequest,
  decodeControl,
  EGRESS_FEATURE,
  encodeControl,
  type HostAway,
  type ListenerStatus,
  parseConfigureArgs,
  parseEndWish,
  parseExtendArgs,
  parseHostAway,
  parseHostDown,
  parseUpdateArgs,
  RESUME_FEATURE,
  type ResumeData,
  type ResumeWish,
  UPDATE_FEATURE,
} from "../wire/control/control.ts";
import { ownProcess } from "../proxy/edge/own_process.ts";
import { ECHO_FEATURE } from "../wire/ip/icmp.ts";
import { parseCidr, parseIpv4 } from "../wire/ip/ipv4.ts";
import { Crowding } from "./crowding.ts";
import { Host } from "./host.ts";
import { CREDIT_FEATURE } from "../wire/credit.ts";
import type { Frame } from "../wire/frame.ts";
import type { Keep, LentLink } from "./keeper/keeper.ts";
import { Links, type Range } from "./link/links.ts";
import { LivingStack } from "./living_stack.ts";
import { machineId } from "./machine.ts";
import type { AgentPort } from "./link/port.ts";
import { Pump } from "./link/pump.ts";

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
  UPDATE_FEATURE,
  EGRESS_FEATURE,
  ECHO_FEATURE,
  CREDIT_FEATURE,
  AWAY_FEATURE,
  RESUME_FEATURE,
];
/** Those that an agent in the manager's process has no use for. */
const NOT_LOCAL: readonly string[] = [CREDIT_FEATURE, RESUME_FEATURE];

/** A manager that does not ask for the status in this time only shows our stderr. */
const STATUS_WAIT_MS = 1000;

/** Bytes of messages that may wait for the end of a `configure`. */
const MOST_HELD_BYTES = 1 << 20;

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
  /**
   * Makes a keeper, so that the agent outlives its link if its manager asks for that; or
   * why there can be none, for people. Default: none.
   */
  readonly keep?: Keep | string;
  /** Ends the agent as the end of its input does, also while it has no link. */
  readonly signal?: AbortSignal;
}

/**
 * Runs an agent on `port` until its input ends or `signal` is aborted; by then its
 * listeners are closed and its connections reset. An agent with a keeper goes on over the
 * next link.
 *
 * Rejects if the link breaks, or with an Error that shows the bytes if the input is not
 * NoRouter's protocol.
 */
export async function runAgent(port: AgentPort, options: AgentOptions): Promise<void> {
  const agent = new Agent(options);
  await agent.run(port, await stackModule());
}

class Agent {
  readonly #options: AgentOptions;
  readonly #pump: Pump;
  #stack!: LivingStack;
  #links!: Links;
  /** Messages that came behind a `configure` that is not answered yet. */
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #isEnded = false;
  #host: Host | undefined;
  /** Whether the manager asked for the status. */
  #toldStatus = false;
  #tellFailures: ReturnType<typeof setTimeout> | undefined;
  /** Messages of the manager that made no sense. */
  #nonsense = 0;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#pump = new Pump({
      onControl: (payload) => this.#onControl(payload),
      onFailed: () => void this.#links.end(),
    });
  }

  async run(port: AgentPort, module: WebAssembly.Module): Promise<void> {
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
    const { signal, keep = "this agent cannot outlive its link" } = this.#options;
    this.#pump.use(this.#stack);
    this.#links = new Links({
      pump: this.#pump,
      stack: this.#stack,
      keep,
      answer: (link) => this.#answerBack(link),
      warn: (message) => this.#warn(message),
    });
    const stop = () => {
      this.#pump.stop();
      this.#links.end();
    };
    signal?.addEventListener("abort", stop);
    try {
      if (signal?.aborted) port.close();
      else await this.#links.carry(port);
    } finally {
      this.#isEnded = true;
      signal?.removeEventListener("abort", stop);
      clearTimeout(this.#tellFailures);
      this.#pump.stop();
      await Promise.all([this.#links.end(), this.#host?.end()]);
    }
  }

  #warn(message: string): void {
    this.#options.log({ level: "warning", message });
  }

  get #features(): readonly string[] {
    if (!this.#options.isLocal) return FEATURES;
    return FEATURES.filter((feature) => !NOT_LOCAL.includes(feature));
  }

  // ---- messages of the manager ----

  #onControl(payload: Uint8Array): void {
    if (this.#held) return this.#hold(payload);
    try {
      const message = decodeControl(payload);
      if (message.type === "request") this.#onRequest(message.body);
      else if (message.type === "event") this.#onEvent(message.body);
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

  #onRequest(request: ControlRequest): void {
    let wish: ResumeWish | undefined;
    const answer = answerTo(request, (op, args) => {
      if (op !== "configure") return this.#perform(op, args);
      if (this.#host) throw new ControlError("This agent is configured already");
      const configuration = parseConfigureArgs(args);
      wish = configuration.resume;
      if (!wish) return this.#configure(configuration);
    });
    if (wish) this.#configureKept(request, wish);
    else this.#pump.send(answer);
  }

  /** The order of messages stays: those that come before the answer wait for it. */
  async #configureKept(request: ControlRequest, wish: ResumeWish): Promise<void> {
    this.#held = [];
    const resume = await this.#links.keep(wish);
    if (this.#isEnded) return;
    this.#pump.send(
      answerTo(request, (_, args) => {
        return { ...this.#configure(parseConfigureArgs(args)), resume };
      }),
    );
    if (!this.#host) await this.#links.forget();
    const held = this.#held;
    this.#held = undefined;
    this.#heldBytes = 0;
    try {
      for (const payload of held) this.#onControl(payload);
    } catch (error) {
      this.#pump.fail(error);
    }
  }

  #hold(payload: Uint8Array): void {
    this.#heldBytes += payload.length;
    if (this.#heldBytes > MOST_HELD_BYTES) {
      throw new Error("The manager did not wait for the answer to its configuration");
    }
    this.#held!.push(payload.slice());
  }

  #perform(op: string, args: unknown): unknown {
    switch (op) {
      case "resume": // the first frame of a lent link is seen to by the keeper
        throw new ControlError("no such agent to go back to");
      case "extend":
        if (!this.#host) throw new ControlError("This agent is not configured yet");
        this.#host.extend(parseExtendArgs(args));
        return undefined;
      case "update":
        if (!this.#host) throw new ControlError("This agent is not configured yet");
        return this.#host.update(parseUpdateArgs(args));
      case "ping":
        return undefined;
      case "status":
        clearTimeout(this.#tellFailures);
        this.#toldStatus = true;
        return {
          ...statusOf(this.#host?.statuses ?? []),
          stack: this.#stack.statistics(),
          ...(this.#host && { services: this.#host.services }),
          ...(!this.#options.isLocal && { process: ownProcess() }),
        } satisfies AgentStatus;
      default:
        throw new ControlError(
          `This agent cannot "${op}"; it can configure, extend, update, ping, status`,
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
    switch (type) {
      case "hostDown":
        for (const range of rangesOf(type, parseHostDown(data))) {
          if (this.#host) this.#stack.abortRange(range.network, range.prefix);
          this.#links.release(range);
        }
        return this.#neighbour(data, "down");
      case "hostAway":
        for (const range of rangesOf(type, parseHostAway(data))) this.#links.hold(range);
        return this.#neighbour(data, "away");
      case "hostBack":
        for (const range of rangesOf(type, parseHostAway(data))) {
          this.#links.release(range);
        }
        return this.#neighbour(data, "back");
      case "stay":
        this.#links.wanted(parseEndWish(data).wish);
        return;
      case "bye":
        this.#links.bye();
        return;
      default: // an event newer than this agent
    }
  }

  #neighbour(data: unknown, news: "down" | "away" | "back"): void {
    this.#host?.neighbours[news](parseIpv4(parseHostAway(data).ip)!);
  }

  /** The answer to the manager that took this agent back over a lent link. */
  #answerBack({ request, away }: LentLink): Frame {
    return answerTo(request, () => {
      const features = [...this.#features];
      this.#host?.relinked();
      return { features, version: this.#options.version, away } satisfies ResumeData;
    });
  }

  #configure(args: ConfigureArgs): ConfigureData {
    this.#host = new Host(args, {
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
    if (this.#host.statuses.some(({ error }) => error)) {
      this.#tellFailures = setTimeout(() => {
        for (const { address, error } of this.#host!.statuses) {
          if (error) this.#warn(`Cannot listen on ${address}: ${error.message}`);
        }
      }, STATUS_WAIT_MS);
    }
    return { features: [...this.#features], version: this.#options.version };
  }
}

/** The addresses of a host and of what is routed to it. */
function rangesOf(event: string, { ip, ranges }: HostAway): Range[] {
  return [`${ip}/32`, ...ranges].map((range) => {
    const cidr = parseCidr(range);
    if (cidr) return cidr;
    throw new ControlError(`${event} names ${JSON.stringify(range)}, no range`);
  });
}

function statusOf(listeners: readonly ListenerStatus[]): AgentStatus {
  const machine = machineId();
  return { listeners: [...listeners], ...(machine !== undefined && { machine }) };
}
