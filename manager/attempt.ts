/**
 * One link to a host, from the moment it is asked for to its end: opens it, configures
 * the agent, carries frames both ways, and finds out why it ended. What to do about an end
 * is the session's business.
 *
 * @module
 */

import { decode } from "../link/decode.ts";
import { LinkQueue } from "../link/queue.ts";
import { explainingLines } from "../transports/command/explaining.ts";
import type { Link, LinkExit, OpenContext, Progress } from "../transports/mod.ts";
import {
  type AgentStatus,
  type ConfigureArgs,
  type ConfigureData,
  ControlError,
  type ControlMessage,
  decodeControl,
  encodeControl,
  type ExtendArgs,
  parseConfigureData,
  parseRouteSuggestion,
  parseStatus,
  type RouteSuggestion,
} from "../wire/control.ts";
import { streamFault } from "../link/stream_fault.ts";
import { FrameDecoder, FrameError } from "../wire/decoder.ts";
import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import { Allowance, type AllowanceLimits } from "./budget.ts";
import { type Clock, paceOf } from "../link/clock.ts";
import { describeLack, type NeededFeatures } from "./configure.ts";
import { Liveness } from "../link/liveness.ts";

/** Milliseconds an agent has to end by itself once its input ended. */
const CLOSE_GRACE = 600;
/** Milliseconds for a link to settle `closed` after an abort: the contract's 2 s, and some. */
const ABORT_LIMIT = 2500;
/**
 * Milliseconds for the exit to be known after the bytes stopped, and the other way round: a
 * command's link has ended when what it left behind has.
 */
const EXPLAIN_GRACE = 1000;
/** The same where what came was nonsense, which is reason enough. */
const FAULT_GRACE = 200;
/** An agent that sends a longer control message is broken or hostile, see below for results. */
const MOST_CONTROL_BYTES = 64 * 1024;
/** What the state of one listener may add to the result of `status`. */
const LISTENER_BYTES = 512;
/**
 * Control messages of one agent, and their bytes. A proxy suggests a route for each
 * connection by name, some thousands a second at the most; an agent sends little else.
 */
const CONTROL_LIMITS: AllowanceLimits = {
  pieces: { perSecond: 8192, burst: 16_384 },
  bytes: { perSecond: 2 << 20, burst: 8 << 20 },
};
/** Requests without an answer that are remembered. */
const MOST_OUTSTANDING = 64;
/** Lines of stderr that are kept, since they may explain an end. */
const KEPT_LINES = 20;
/** Milliseconds before the end of a ready link in which stderr is taken to explain it. */
const EXPLAINING_TIME = 5000;
/** Characters of a message in error that are shown. */
const SHOWN = 100;
/** Characters of an error that an agent tells that are shown. */
const MOST_ERROR = 1000;
/** Longest IPv4 packet, in bytes (RFC 791, 3.1). */
const MOST_PACKET_BYTES = 65_535;

/** What an attempt is to do. */
export interface AttemptPlan {
  /** The host's name, for the transport. */
  readonly host: string;
  /** What is run or reached, for messages. */
  readonly command: string;
  /** What the agent is told. */
  readonly configure: ConfigureArgs;
  /** What else an agent that announces `extend` is told before it counts as ready. */
  readonly extend?: ExtendArgs;
  /** What the agent must and should be able to do. */
  readonly needed: NeededFeatures;
  /** Milliseconds until the agent must have answered. */
  readonly connectTimeout: number;
  readonly clock: Clock;
  /** Opens the link. */
  open(context: OpenContext): Promise<Link>;
  /**
   * Takes what comes from the host, until it ends: packets go on their way, control frames
   * go to `onControl`. Rejects with what that throws.
   */
  carry(
    batches: AsyncIterable<Frame[]>,
    onControl: (frame: Frame) => void,
  ): Promise<void>;
}

/** What an attempt tells while it lasts. */
export interface AttemptHooks {
  /** The agent took its configuration; what is pushed into `queue` goes to it. */
  ready(agent: ConfigureData, queue: LinkQueue): void;
  /** The agent suggests a route. */
  suggestion(suggestion: RouteSuggestion): void;
  /** The agent told the state of its listeners. */
  status(status: AgentStatus): void;
  /** The agent told of listeners that had failed and are up now. */
  listenersUp(status: AgentStatus): void;
  /** A control message was dropped: too many came, or it answers what nobody asked. */
  excess(bytes: number): void;
  /** A line of text came. */
  output(stream: "stderr" | "banner", line: string): void;
  /** The command asks the user something on the terminal, or does so no more. */
  asking?(isAsking: boolean): void;
  /** Something is being sent to the host, to open the link. */
  progress(progress: Progress): void;
}

/** How an attempt ended. */
export interface AttemptEnd {
  /** Why, for the user: to stand after `The link to "web" ended: `. */
  readonly reason: string;
  /** How the link ended; absent if it never opened or did not say. */
  readonly exit?: LinkExit;
  /** Whether the agent had taken its configuration before. */
  readonly wasReady: boolean;
}

/** Why an attempt is over; the first reason counts. */
interface Verdict {
  readonly reason: string;
  /** Known when the link's end is itself the reason. */
  readonly exit?: LinkExit;
  /** We end it, in an orderly way. */
  readonly isClose?: boolean;
}

/** Runs from construction; {@linkcode Attempt.ended} settles when nothing of it is left. */
export class Attempt {
  /** Settles when the link has ended and everything was let go. Never rejects. */
  readonly ended: Promise<AttemptEnd>;
  /** Settles as soon as it is clear that the attempt is over; its end takes a moment more. */
  readonly over: Promise<unknown>;
  readonly #plan: AttemptPlan;
  readonly #hooks: AttemptHooks;
  readonly #verdict = Promise.withResolvers<Verdict>();
  readonly #opening = new AbortController();
  readonly #answered = Promise.withResolvers<void>();
  readonly #stopReading = new AbortController();
  readonly #queue: LinkQueue;
  #reading: Promise<void> | undefined;
  #writing: Promise<void> | undefined;
  #cancelDeadline = () => {};
  #liveness: Liveness | undefined;
  /** The agent, from its answer to `configure` to the one to `extend`. */
  #extending: ConfigureData | undefined;
  #isReady = false;
  #isOver = false;
  #lastId = 0;
  /** What was asked and not answered yet: the operation by the id of its request. */
  readonly #outstanding = new Map<number, string>();
  readonly #allowance: Allowance;
  /** Bytes of the longest control message that may come. */
  readonly #mostControlBytes: number;
  #decoder: FrameDecoder | undefined;
  /** Text before the first frame. */
  #banner = "";
  /** The last lines of stderr, and when they came. */
  readonly #said: { readonly line: string; readonly at: number }[] = [];

  constructor(plan: AttemptPlan, hooks: AttemptHooks) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.#mostControlBytes = MOST_CONTROL_BYTES +
      LISTENER_BYTES * listenersOf(plan.configure);
    const { pieces, bytes: { perSecond, burst } } = CONTROL_LIMITS;
    const bytes = { perSecond, burst: burst + this.#mostControlBytes };
    this.#allowance = new Allowance({ pieces, bytes }, plan.clock.now());
    // Chosen anew, so that nobody can choose flows that collide.
    this.#queue = new LinkQueue({ seed: Math.trunc(plan.clock.random() * 2 ** 32) });
    this.over = this.#verdict.promise;
    this.#setDeadline();
    this.ended = this.#live();
  }

  /** The agent may take so long to answer, from now on. */
  #setDeadline(): void {
    if (this.#isOver || this.#isReady) return;
    const { connectTimeout, clock, command } = this.#plan;
    this.#cancelDeadline();
    this.#cancelDeadline = clock.after(connectTimeout, () =>
      this.#end({
        reason: withSaid(
          withFault(
            `no answer within ${connectTimeout / 1000} s (${command})`,
            this.#silence(),
          ),
          this.#said.map(({ line }) => line),
        ),
      }));
  }

  /** What came, though it was no answer. */
  #silence(): string | undefined {
    const { came = 0, size = 0 } = this.#decoder?.unfinished ?? {};
    if (size === 0) return streamFault(new Uint8Array(), this.#decoder?.banner);
    return `only ${came} of the ${size} bytes of a frame came: bytes were lost on the way`;
  }

  /** Ends the agent by the end of its input, then by force. */
  close(): void {
    this.#end({ reason: "the mesh is closing", isClose: true });
  }

  #end(verdict: Verdict): void {
    this.#isOver = true;
    this.#verdict.resolve(verdict);
  }

  async #live(): Promise<AttemptEnd> {
    const link = await this.#open();
    if (link) this.#use(link);
    const verdict = await this.#verdict.promise;
    this.#cancelDeadline();
    this.#liveness?.stop();
    const exit = link && await this.#letGo(link, verdict);
    return { reason: verdict.reason, wasReady: this.#isReady, ...(exit && { exit }) };
  }

  async #open(): Promise<Link | undefined> {
    const { host } = this.#plan;
    const { signal } = this.#opening;
    const log = (line: string) => {
      this.#said.push({ line, at: this.#plan.clock.now() });
      if (this.#said.length > KEPT_LINES) this.#said.shift();
      this.#hooks.output("stderr", line);
    };
    const alive = () => this.#setDeadline();
    const progress = (progress: Progress) => {
      alive();
      if (!this.#isOver) this.#hooks.progress(progress);
    };
    const asking = (isAsking: boolean) => this.#hooks.asking?.(isAsking);
    const answered = this.#answered.promise;
    const context = { host, signal, log, alive, asking, answered, progress };
    const opening = (async () => await this.#plan.open(context))();
    const link = await Promise.race([
      opening.catch((error) => this.#end({ reason: messageOf(error) })),
      this.#verdict.promise.then(() => undefined),
    ]);
    if (link) return link;
    this.#opening.abort(new Error("the link is no longer wanted"));
    const late = opening.then((link) => {
      link.abort("it opened too late");
      return Promise.allSettled([
        link.closed,
        link.readable.cancel(),
        link.writable.abort(),
      ]);
    });
    await this.#within(ABORT_LIMIT, late);
  }

  #use(link: Link): void {
    this.#queue.push(this.#request("configure", this.#plan.configure));
    this.#writing = this.#queue.drain(link.writable, {
      releases: link.releasesChunks ?? false,
      pace: paceOf(this.#plan.clock),
    }).catch((error) => this.#explain(link, `cannot write to it: ${messageOf(error)}`));
    this.#reading = this.#read(link).then(
      () => this.#explain(link, "its output ended"),
      (error) =>
        this.#explain(
          link,
          error instanceof FrameError
            ? withFault(error.message, streamFault(error.bytes, this.#banner))
            : messageOf(error),
          error instanceof FrameError || error instanceof ControlError,
        ),
    );
    link.closed.then(async (exit) => {
      // What it said last may tell more than how it ended.
      await this.#within(EXPLAIN_GRACE, this.#reading!);
      this.#end({ reason: this.#reasonOf(exit), exit });
    });
  }

  /** The exit and what stderr says of it, as one line. What it said long before is no reason. */
  #reasonOf({ reason, stderr, hint }: LinkExit): string {
    const since = this.#plan.clock.now() - EXPLAINING_TIME;
    const recent = this.#isReady
      ? this.#said.filter(({ at }) => at >= since).length
      : stderr.length;
    const fault = this.#isReady ? undefined : streamFault(new Uint8Array(), this.#banner);
    // Docker says on the standard output why it cannot run a command.
    const isOnOutput = stderr.length === 0 && !this.#isReady && !fault;
    const said = isOnOutput
      ? linesOf(this.#banner)
      : stderr.slice(Math.max(0, stderr.length - recent));
    const what = withFault(withSaid(reason, said), fault);
    return hint ? `${what} (${hint})` : what;
  }

  async #read(link: Link): Promise<void> {
    const decoder = this.#decoder = new FrameDecoder({
      frameLimit: HEADER_BYTES + Math.max(MOST_PACKET_BYTES, this.#mostControlBytes),
      onBanner: (text) => {
        this.#banner = text;
        for (const line of linesOf(text)) this.#hooks.output("banner", line);
      },
    });
    const batches = decode(link.readable, decoder, { signal: this.#stopReading.signal });
    await this.#plan.carry(this.#watch(batches), (frame) => this.#control(frame.payload));
  }

  /** The bytes stopped: if the link ends just now, how it ended is the better reason. */
  async #explain(link: Link, reason: string, isFault = false): Promise<void> {
    const grace = isFault ? FAULT_GRACE : EXPLAIN_GRACE;
    const exit = await this.#within(grace, link.closed);
    if (!exit) return this.#end({ reason });
    this.#end({ reason: this.#reasonOf(exit) + (isFault ? ` (${reason})` : ""), exit });
  }

  async *#watch(batches: AsyncIterable<Frame[]>): AsyncGenerator<Frame[]> {
    for await (const batch of batches) {
      this.#liveness?.heard();
      yield batch;
      this.#liveness?.listening();
    }
  }

  #control(payload: Uint8Array): void {
    if (this.#isOver) return;
    if (!this.#allowance.admits(payload.length, this.#plan.clock.now())) {
      return this.#hooks.excess(payload.length);
    }
    try {
      if (payload.length > MOST_CONTROL_BYTES) this.#assertStatus(payload.length);
      this.#handle(decodeControl(payload), payload.length);
    } catch (cause) {
      if (!(cause instanceof ControlError)) throw cause;
      const text = new TextDecoder().decode(payload.subarray(0, SHOWN));
      const more = payload.length > SHOWN ? "…" : "";
      throw new ControlError(`${cause.message}, in ${JSON.stringify(text)}${more}`, {
        cause,
      });
    }
  }

  /** Only the result of `status` may be so long, where one is due. */
  #assertStatus(bytes: number): void {
    const isDue = this.#outstanding.values().some((op) => op === "status");
    const most = isDue ? this.#mostControlBytes : MOST_CONTROL_BYTES;
    if (bytes <= most) return;
    throw new ControlError(`A control message of ${bytes} bytes is longer than ${most}`);
  }

  /** What is none of these comes from a newer agent, and is not for us. */
  #handle(message: ControlMessage, bytes: number): void {
    if (message.type === "result") {
      const { request_id: id, op, error, data } = message.body;
      if (this.#outstanding.get(id) !== op) return this.#hooks.excess(bytes);
      this.#outstanding.delete(id);
      if (op === "configure" && !this.#isReady && !this.#extending) {
        this.#configured(error, data);
      }
      if (op === "extend" && this.#extending) this.#extended(this.#extending, error);
      if (op === "status" && error === undefined) this.#hooks.status(parseStatus(data));
    } else if (message.type === "event" && message.body.type === "routeSuggestion") {
      this.#hooks.suggestion(parseRouteSuggestion(message.body.data));
    } else if (message.type === "event" && message.body.type === "listeners") {
      this.#hooks.listenersUp(parseStatus(message.body.data));
    }
  }

  #configured(error: unknown, data: unknown): void {
    if (error !== undefined) {
      return this.#end({ reason: `its agent cannot be configured: ${textOf(error)}` });
    }
    const agent = parseConfigureData(data);
    const { needed, extend } = this.#plan;
    const lacking = needed.required.filter((feature) =>
      !agent.features.includes(feature)
    );
    if (lacking.length > 0) {
      const version = agent.version ? ` (version ${agent.version})` : "";
      return this.#end({ reason: `its agent${version} ${describeLack(lacking)}` });
    }
    if (!extend || !agent.features.includes("extend")) return this.#becomeReady(agent);
    this.#extending = agent;
    this.#queue.push(this.#request("extend", extend));
  }

  /** Without what `extend` asks for, routes and proxies would do what they must not. */
  #extended(agent: ConfigureData, error: unknown): void {
    this.#extending = undefined;
    if (error === undefined) return this.#becomeReady(agent);
    this.#end({
      reason:
        `its agent cannot set up its proxies' passwords or its routes' exceptions ` +
        `(extend): ${textOf(error)}`,
    });
  }

  #becomeReady(agent: ConfigureData): void {
    this.#isReady = true;
    this.#answered.resolve();
    this.#cancelDeadline();
    if (agent.features.includes("ping")) {
      this.#liveness = new Liveness(this.#plan.clock, {
        ping: () => this.#queue.push(this.#request("ping")),
        dead: (reason) => this.#end({ reason }),
      });
    }
    this.#hooks.ready(agent, this.#queue);
    if (agent.features.includes("status")) this.#queue.push(this.#request("status"));
  }

  #request(op: string, args?: unknown): Frame {
    const id = ++this.#lastId;
    this.#outstanding.set(id, op);
    if (this.#outstanding.size > MOST_OUTSTANDING) {
      this.#outstanding.delete(this.#outstanding.keys().next().value!);
    }
    return encodeControl({
      type: "request",
      body: { id, op, ...(args !== undefined && { args }) },
    });
  }

  /** Ends the link, by its input if it is to be closed, else by force, and lets go of it. */
  async #letGo(link: Link, verdict: Verdict): Promise<LinkExit | undefined> {
    let exit = verdict.exit;
    if (verdict.isClose) {
      this.#queue.close();
      const ended = this.#writing!.then(() => link.closed);
      exit = await this.#within(CLOSE_GRACE, ended);
    }
    this.#queue.discard();
    if (!exit) link.abort(verdict.reason);
    exit ??= await this.#within(ABORT_LIMIT, link.closed);
    this.#stopReading.abort();
    await this.#within(ABORT_LIMIT, Promise.allSettled([this.#reading, this.#writing]));
    return exit;
  }

  /** The promise's value, or nothing if it rejects or takes longer. */
  async #within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const cancel = this.#plan.clock.after(ms, () => resolve(undefined));
    try {
      return await Promise.race([promise.catch(() => undefined), late]);
    } finally {
      cancel();
    }
  }
}

/** Listeners that an agent with this configuration may have, its proxies' among them. */
function listenersOf({ others, forwards, nameServers = [] }: ConfigureArgs): number {
  return others.length + forwards.length + nameServers.length + 2;
}

/** The lines that are not empty. */
function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/).map((line) => line.trimEnd()).filter(Boolean);
}

/** The error of a result, which may be any JSON, as far as it is shown. */
function textOf(error: unknown): string {
  const text = typeof error === "string" ? error : JSON.stringify(error);
  return text.length > MOST_ERROR ? `${text.slice(0, MOST_ERROR)}…` : text;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The reason, and those of the command's words that explain it. */
function withSaid(reason: string, lines: readonly string[]): string {
  return [reason, explainingLines(lines).join("; ")].filter(Boolean).join(": ");
}

function withFault(reason: string, fault: string | undefined): string {
  return fault ? `${reason}; ${fault}` : reason;
}
