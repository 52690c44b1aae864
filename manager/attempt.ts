/**
 * An attempt to reach a host, from the moment a link is asked for to its end: opens the
 * link, gives it to the host's channel, has the agent greeted, and tells why all that ended.
 * The session decides how to go on after an end.
 *
 * With the key of an agent that stayed, the link is first offered to that agent: the request
 * `resume` is all that is sent until the answer. A refusal comes from a new agent, since the
 * other is not there any more; the attempt goes on with it on the same link.
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
  ControlError,
  parseResumeData,
  parseStatus,
  parseUpdateData,
  type UpdateArgs,
} from "../wire/control/control.ts";
import { CREDIT_FEATURE } from "../wire/credit.ts";
import { messageOf } from "../wire/text.ts";
import { Refusal } from "../link/calls.ts";
import { type AgentEvents, longestStatus } from "./agent_channel.ts";
import { AgentKey, knowsNoAttach } from "./resume/agent_key.ts";
import { Evidence } from "./evidence.ts";
import { greet, type GreetingPlan } from "./greeting.ts";
import type { Starts } from "./starts.ts";

/** The wish that agents stay when their link is gone. */
export interface ResumePlan {
  /** Seconds that they are asked to stay. */
  readonly seconds: number;
  /** The mesh, the same for each start of it, see {@linkcode ResumeWish}. */
  readonly mesh: string;
  /** The key of an agent that a manager before this one left behind. */
  readonly left?: AgentKey | undefined;
  /** Told of the key to take the host's agent back by, before each use; or that there is none. */
  keep?(key: AgentKey | undefined): void;
  /** Told of the orders that the agent took. */
  goesBy?(greeting: GreetingPlan): void;
}

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
  /** Absent for hosts whose agents end with their links. */
  readonly resume?: ResumePlan | undefined;
  readonly clock: Clock;
  /** Gives the turns of attempts; absent where each may begin at once. */
  readonly starts?: Starts | undefined;
  /** Opens the link. */
  open(context: OpenContext): Promise<Link>;
  /** Takes frames from the host, until its link ends. */
  readonly carry: Carry;
}

/** The reports of an attempt, and the messages that its agent sends unasked. */
export interface AttemptHooks extends AgentEvents {
  /** The host can be reached. */
  ready(ready: ReadyAgent): void;
  /** The agent to be taken back is not there; the attempt goes on with a new agent. */
  refused?(words: string): void;
  /** The agent told the state of its listeners. */
  status(status: AgentStatus): void;
  /** A line of text came. */
  output(stream: "stderr" | "banner", line: string): void;
  /** The command asks the user something on the terminal, or does so no more. */
  asking?(isAsking: boolean): void;
  /** Something is being sent to the host, to open the link. */
  progress(progress: Progress): void;
}

/** An agent that took its configuration, or was taken back. */
export interface ReadyAgent {
  /** Its answer; of an agent taken back as if it had been configured. */
  readonly agent: ConfigureData;
  /** Frames pushed into it go to the agent. */
  readonly queue: LinkQueue;
  /** The key of an agent that stays when this link is gone. */
  readonly key?: AgentKey | undefined;
  /** Whether it was taken back, with its connections. */
  readonly resumed: boolean;
  /** What it was told when it was greeted; absent for an agent that was taken back. */
  readonly greeting?: GreetingPlan | undefined;
}

/** How an attempt ended. */
export interface AttemptEnd {
  /** Why, for the user: to stand after `The link to "web" ended: `. */
  readonly reason: string;
  /** How the link ended; absent if the link never opened or did not say. */
  readonly exit?: LinkExit;
  /** Whether the agent had taken its configuration before. */
  readonly wasReady: boolean;
  /** Whether the program on the host does not know how to go back to an agent. */
  readonly knowsNoAttach?: boolean;
}

/** Options of an {@linkcode Attempt}. */
export interface AttemptOptions {
  readonly plan: AttemptPlan;
  readonly hooks: AttemptHooks;
  /** The key of an agent that stayed, to be taken back. */
  readonly key?: AgentKey | undefined;
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
  readonly #key: AgentKey | undefined;
  /** Why the attempt is over; the first reason counts. */
  readonly #reason = Promise.withResolvers<string>();
  readonly #opening = new AbortController();
  readonly #evidence: Evidence;
  readonly #answered = Promise.withResolvers<void>();
  #cancelDeadline = () => {};
  /** Bytes of the longest status so far of an agent with its orders. */
  #mostStatus = 0;
  #isReady = false;
  #isOver = false;
  #isAskedToStay = false;
  /** Whether the agent on this link stays when the link is gone. */
  #stays = false;
  /** Whether an agent answered anything. */
  #isAnswered = false;
  /** How a link ended that had not opened when the attempt was over. */
  #lateExit: LinkExit | undefined;

  /** Uses `channel`, which has no link, until the attempt has ended. */
  constructor(channel: Channel, { plan, hooks, key }: AttemptOptions) {
    this.#channel = channel;
    this.#plan = plan;
    this.#hooks = hooks;
    this.#key = key;
    if (key) {
      key.count();
      plan.resume?.keep?.(key);
    }
    this.#evidence = new Evidence(plan.clock);
    this.over = this.#reason.promise;
    this.#setDeadline();
    this.ended = this.#live();
  }

  /** Whether the attempt is over, and its link with it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Asks a ready agent that announced `status`; the answer goes to the hooks. */
  askStatus(): void {
    if (!this.#isReady || this.#isOver) return;
    this.#channel.call("status", undefined, {
      bytes: this.#longestStatus(),
      take: (data) => this.#hooks.status(parseStatus(data)),
    }).catch(() => {}); // an agent that cannot tell is none the worse
  }

  /**
   * Asks a ready agent that announced `update` to go by other orders, within
   * `connectTimeout`. Rejects with a {@linkcode Refusal} if the agent does not take them, and
   * with another error if no answer comes or the link ends.
   */
  async update({ version, configure, extend }: UpdateArgs): Promise<void> {
    this.#longestStatus();
    this.#channel.stretch();
    const args: UpdateArgs = { version, configure, ...(extend && { extend }) };
    const { connectTimeout: ms } = this.#plan;
    await this.#channel.call("update", args, {
      ms,
      take(data) {
        const taken = parseUpdateData(data).version;
        if (taken === version) return;
        throw new ControlError(`The agent goes by version ${taken}, not ${version}`);
      },
    });
  }

  /** Bytes of the longest result of `status`, by the orders of now and of before. */
  #longestStatus(): number {
    const now = longestStatus(this.#plan.greeting);
    return this.#mostStatus = Math.max(this.#mostStatus, now);
  }

  /** Ends the attempt, its link by force. Nothing happens to one that is over. */
  end(reason: string): void {
    this.#end(reason);
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
    // An agent that was asked to stay would do so, though it is of no use.
    if (this.#isAskedToStay && !this.#isReady) this.#channel.dismiss(reason);
    else this.#channel.end(reason);
  }

  async #live(): Promise<AttemptEnd> {
    const link = await this.#open();
    const ended = link && this.#use(link);
    const reason = await this.#reason.promise;
    const exit = link ? await ended : this.#lateExit;
    const isOld = this.#key && !this.#isAnswered && exit && knowsNoAttach(exit);
    return {
      reason,
      wasReady: this.#isReady,
      ...(exit && { exit }),
      ...(isOld && { knowsNoAttach: true }),
    };
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
    const attach = this.#key && { attach: this.#key.id };
    const outlives = () => this.#stays && this.#channel.state !== "closed";
    const telling = { log, alive, asking, answered, progress };
    const context = { host, signal, ...telling, outlives, ...attach };
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
    this.#longestStatus();
    if (this.#key) this.#takeBack(this.#key);
    else this.#greet();
    return ended;
  }

  #greet(): void {
    const { greeting, resume, host } = this.#plan;
    const key = resume && AgentKey.fresh(resume.seconds);
    const wish = resume && key && { resume: key.wish(resume.mesh, host) };
    if (wish) {
      this.#isAskedToStay = true;
      this.#channel.mayStay();
    }
    greet(this.#channel, {
      ...greeting,
      configure: { ...greeting.configure, ...wish },
      greeted: (agent) => {
        const seconds = Math.min(agent.resume?.seconds ?? 0, resume?.seconds ?? 0);
        this.#becomeReady(agent, seconds > 0 ? key?.lasting(seconds) : undefined, {
          greeting,
        });
      },
      failed: (reason) => this.#end(reason),
    });
  }

  #takeBack(key: AgentKey): void {
    this.#channel.call("resume", key.args, {
      take: (data) => {
        const { features, version } = parseResumeData(data);
        const resume = { seconds: key.seconds };
        this.#becomeReady({ features, version, resume }, key, { resumed: true });
      },
    }).catch((error) => {
      // Any other error is the end of the link.
      if (this.#isOver || !(error instanceof Refusal)) return;
      this.#isAnswered = true;
      this.#hooks.refused?.(error.words);
      if (this.#isOver) return;
      this.#setDeadline();
      this.#greet();
    });
  }

  #becomeReady(
    agent: ConfigureData,
    key: AgentKey | undefined,
    { resumed = false, greeting }: Pick<ReadyAgent, "greeting"> & { resumed?: boolean },
  ): void {
    const channel = this.#channel;
    const { features } = agent;
    this.#isReady = this.#isAnswered = true;
    this.#stays = key !== undefined;
    this.#answered.resolve();
    this.#cancelDeadline();
    channel.greeted({
      canPing: features.includes("ping"),
      canCredit: features.includes(CREDIT_FEATURE),
      stays: key !== undefined,
    });
    this.#hooks.ready({ agent, queue: channel.queue!, key, resumed, greeting });
    if (this.#isOver) return;
    if (features.includes("status")) this.askStatus();
  }
}
