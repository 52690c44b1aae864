/**
 * An attempt to reach a host, from the moment a link is asked for to its end: opens the
 * link, gives it to the host's channel, has the agent greeted, and tells why all that ended.
 * The session decides how to go on after an end.
 *
 * @module
 */

import { ABORT_LIMIT, type Carry } from "../link/adopted.ts";
import type { Channel } from "../link/channel.ts";
import { type Clock, within } from "../link/clock.ts";
import { exitOf } from "../link/exit.ts";
import type { LinkQueue } from "../link/queue/queue.ts";
import type { Link, LinkExit, OpenContext, Progress } from "../transports/mod.ts";
import {
  type AgentStatus,
  type ConfigureData,
  parseStatus,
} from "../wire/control/control.ts";
import { CREDIT_FEATURE } from "../wire/credit.ts";
import { messageOf } from "../wire/text.ts";
import { type AgentEvents, longestStatus } from "./agent_channel.ts";
import { Evidence } from "./evidence.ts";
import { greet, type GreetingPlan } from "./greeting.ts";

/** The plan of an attempt. */
export interface AttemptPlan {
  /** The host's name, for the transport. */
  readonly host: string;
  /** The command or address of the link, for messages. */
  readonly command: string;
  /** Milliseconds until the agent must have answered. */
  readonly connectTimeout: number;
  /** The greeting of the agent. Read once for each link, when the link is open. */
  readonly greeting: GreetingPlan;
  readonly clock: Clock;
  /** Opens the link. */
  open(context: OpenContext): Promise<Link>;
  /** Takes frames from the host, until its link ends. */
  readonly carry: Carry;
}

/** The reports of an attempt, and the messages that its agent sends unasked. */
export interface AttemptHooks extends AgentEvents {
  /** The agent took its configuration; frames pushed into `queue` go to it. */
  ready(agent: ConfigureData, queue: LinkQueue): void;
  /** The agent told the state of its listeners. */
  status(status: AgentStatus): void;
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
  /** How the link ended; absent if the link never opened or did not say. */
  readonly exit?: LinkExit;
  /** Whether the agent had taken its configuration before. */
  readonly wasReady: boolean;
}

/** Runs from construction; {@linkcode Attempt.ended} settles when nothing is left. */
export class Attempt {
  /** Settles when the link has ended and everything was let go. Never rejects. */
  readonly ended: Promise<AttemptEnd>;
  /** Settles as soon as the attempt is over; its end takes a moment more. */
  readonly over: Promise<unknown>;
  readonly #channel: Channel;
  readonly #plan: AttemptPlan;
  readonly #hooks: AttemptHooks;
  /** Why the attempt is over; the first reason counts. */
  readonly #reason = Promise.withResolvers<string>();
  readonly #opening = new AbortController();
  readonly #evidence: Evidence;
  readonly #answered = Promise.withResolvers<void>();
  #cancelDeadline = () => {};
  /** Bytes of the longest status of an agent so greeted. */
  #longestStatus = 0;
  #isReady = false;
  #isOver = false;
  /** How a link ended that had not opened when the attempt was over. */
  #lateExit: LinkExit | undefined;

  /** Uses `channel`, which has no link, until the attempt has ended. */
  constructor(
    channel: Channel,
    { plan, hooks }: { readonly plan: AttemptPlan; readonly hooks: AttemptHooks },
  ) {
    this.#channel = channel;
    this.#plan = plan;
    this.#hooks = hooks;
    this.#evidence = new Evidence(plan.clock);
    this.over = this.#reason.promise;
    this.#setDeadline();
    this.ended = this.#live();
  }

  /** Asks a ready agent that announced `status`; the answer goes to the hooks. */
  askStatus(): void {
    if (!this.#isReady || this.#isOver) return;
    this.#channel.call("status", undefined, {
      bytes: this.#longestStatus,
      take: (data) => this.#hooks.status(parseStatus(data)),
    }).catch(() => {}); // an agent that cannot tell is none the worse
  }

  /** Ends the channel: the agent by the end of its input, then by force. */
  close(): void {
    const reason = "the host is being closed";
    this.#channel.close(reason);
    this.#end(reason);
  }

  /** Gives the agent `connectTimeout` to answer, from now on. */
  #setDeadline(): void {
    if (this.#isOver || this.#isReady) return;
    const { connectTimeout, clock, command } = this.#plan;
    this.#cancelDeadline();
    this.#cancelDeadline = clock.after(connectTimeout, () => {
      const wait = `no answer within ${connectTimeout / 1000} s (${command})`;
      this.#end(this.#evidence.silence(wait, this.#channel.fault));
    });
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelDeadline();
    this.#reason.resolve(reason);
    this.#channel.end(reason);
  }

  async #live(): Promise<AttemptEnd> {
    const link = await this.#open();
    const ended = link && this.#use(link);
    const reason = await this.#reason.promise;
    const exit = link ? await ended : this.#lateExit;
    return { reason, wasReady: this.#isReady, ...(exit && { exit }) };
  }

  async #open(): Promise<Link | undefined> {
    const { host, clock } = this.#plan;
    const { signal } = this.#opening;
    const log = (line: string) => {
      this.#evidence.said(line);
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
      opening.catch((error) => this.#end(messageOf(error))),
      this.#reason.promise.then(() => undefined),
    ]);
    if (link) return link;
    const reason = await this.#reason.promise;
    this.#opening.abort(new Error(reason));
    const late = opening.then(async (link) => {
      link.abort(reason);
      const ended = [link.closed, link.readable.cancel(), link.writable.abort()] as const;
      await Promise.allSettled(ended);
      return await link.closed;
    }).catch(exitOf);
    this.#lateExit = await within(late, { ms: ABORT_LIMIT, clock });
  }

  #use(link: Link): Promise<LinkExit | undefined> {
    const ended = this.#channel.adopt(link, {
      banner: (text) => {
        for (const line of this.#evidence.banner(text)) {
          this.#hooks.output("banner", line);
        }
      },
      over: (ending) => this.#end(this.#evidence.reasonOf(ending, this.#isReady)),
    });
    const { greeting } = this.#plan;
    this.#longestStatus = longestStatus(greeting.configure);
    greet(this.#channel, {
      ...greeting,
      greeted: (agent) => this.#becomeReady(agent),
      failed: (reason) => this.#end(reason),
    });
    return ended;
  }

  #becomeReady(agent: ConfigureData): void {
    const channel = this.#channel;
    const { features } = agent;
    this.#isReady = true;
    this.#answered.resolve();
    this.#cancelDeadline();
    channel.greeted({
      canPing: features.includes("ping"),
      canCredit: features.includes(CREDIT_FEATURE),
    });
    this.#hooks.ready(agent, channel.queue!);
    if (features.includes("status")) this.askStatus();
  }
}
