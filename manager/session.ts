/**
 * A host's life: link after link, from its start to its close.
 *
 * ## Theory of Operation
 *
 * ```
 *              ┌──────────────── ready ◄──────────────┐
 *              │ link ends, goes silent,              │ agent took its configuration
 *              ▼ sends nonsense                       │
 *  start ──► starting ──────────► down ──► (wait) ──► attempt
 *              │    link cannot be opened,    ▲         │
 *              │    no answer in time         └─────────┘ the same again
 *              └────────► ready
 *
 *  close() from any state ──► closed
 * ```
 *
 * **States** are those of the host's {@linkcode Channel}, which stays while links change.
 * *starting*: the first attempt is under way. *ready*: packets are carried. *away*: not
 * entered yet, for an agent ends with its link. *down*: an attempt failed, and until
 * another succeeds the host stays down, also while an attempt is under way; so a
 * connection to the host fails at once instead of hanging for as long as attempts take.
 * *closed*: for good.
 *
 * **Events.** An {@linkcode Attempt} reports that its agent is ready and, once, that the
 * attempt is over. Between `over` and `ended` its link is being taken down; the host is
 * down from `over` on, while the next attempt waits for `ended`, because two agents on
 * the same host would fight for its ports.
 *
 * **Packets** do not pass through here: the session tells the mesh when the host is
 * ready, with the queue that leads there, and when the host is down, and the router acts
 * on that. While starting, a SYN waits in the router, no longer than the first attempt
 * may take.
 *
 * **Peers and the user.** `down` is told to the mesh at once, which tells the agents that
 * understand it; `report`, which the user reads, comes {@linkcode REPORT_DELAY} later,
 * since on Ctrl-C the commands get the signal as well and may end before the manager
 * closes them.
 *
 * **Limits.** An attempt must get its answer within the host's `connectTimeout`. The wait
 * between attempts is that of `backoff.ts`: 0.5 s to 30 s, from the beginning again once
 * the host was up for {@linkcode STEADY_AFTER}. A close is over within 2 s: 0.6 s for the
 * agent to end by the end of its input, then the transport's abort.
 *
 * @module
 */

import type { Channel, ChannelState } from "../link/channel.ts";
import type { WindowStatus } from "../link/window/window.ts";
import type { LinkQueue } from "../link/queue/queue.ts";
import type { ConfigureData } from "../wire/control/control.ts";
import type { Frame } from "../wire/frame.ts";
import { agentChannel } from "./agent_channel.ts";
import {
  Attempt,
  type AttemptEnd,
  type AttemptHooks,
  type AttemptPlan,
} from "./attempt.ts";
import { retryDelay, STEADY_AFTER, Telling } from "./backoff.ts";

/** Milliseconds between a failure and telling the user, in which a close makes it void. */
const REPORT_DELAY = 100;

/** The state of a host: `starting`, `ready`, `away`, `down` or `closed`. */
export type HostState = ChannelState;

/** A failed attempt, as the user is told. */
export interface Failure {
  /** Complete, with the host's name. */
  readonly message: string;
  /** How the attempt ended. */
  readonly end: AttemptEnd;
  /** Failures in a row, counted from 1. */
  readonly attempt: number;
  /** Whether the host was ready since the first failure, though not for long. */
  readonly wasUpBetween: boolean;
  /** Milliseconds until the next attempt. */
  readonly retryIn: number;
  /** False for failures that would only fill the log. */
  readonly isTold: boolean;
}

/** A host that became ready. */
export interface Readiness {
  /** The answer of its agent to `configure`. */
  readonly agent: ConfigureData;
  /** The queue of frames to the host. */
  readonly queue: LinkQueue;
  /** Milliseconds since the first attempt began, or since the host went down. */
  readonly ms: number;
  /** Whether the host was down before. */
  readonly again: boolean;
}

/** The reports of a session to the mesh. */
export interface SessionHooks extends Omit<AttemptHooks, "ready"> {
  /** The host can be reached from now on. */
  ready(readiness: Readiness): void;
  /** The host cannot be reached from now on. Not called by a close. */
  down(): void;
  /** An attempt failed, and its link is gone. */
  report(failure: Failure): void;
}

/** Keeps a host linked, from {@linkcode Session.start} to {@linkcode Session.close}. */
export class Session {
  readonly #plan: AttemptPlan;
  readonly #hooks: SessionHooks;
  readonly #channel: Channel;
  readonly #telling = new Telling();
  #readiness: Readiness | undefined;
  #attempt: Attempt | undefined;
  #failures = 0;
  #wasUpBetween = false;
  /** When the present state's wait began: the first attempt, or the host going down. */
  #since = 0;
  #readyAt = 0;
  #life: Promise<void> | undefined;
  readonly #closing = Promise.withResolvers<void>();

  constructor(plan: AttemptPlan, hooks: SessionHooks) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.#channel = agentChannel(plan, hooks);
  }

  get state(): HostState {
    return this.#channel.state;
  }

  /** The window of the present link, if its agent acknowledges. */
  get window(): WindowStatus | undefined {
    return this.#channel.window;
  }

  /** The agent's answer and the way to the agent; absent unless ready. */
  get readiness(): Readiness | undefined {
    return this.#readiness;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Begins the first attempt. */
  start(): void {
    this.#life = this.#live();
  }

  /** Sends a control message, if the agent is ready and announced `feature`. */
  send(feature: string, message: Frame): void {
    if (!this.#readiness?.agent.features.includes(feature)) return;
    this.#channel.push(message);
  }

  /** Asks a ready agent for its status once more. */
  askStatus(): void {
    this.#attempt?.askStatus();
  }

  /** Ends the agent and makes no further attempt. Settles when nothing is left, within 2 s. */
  async close(): Promise<void> {
    this.#channel.close("the host is being closed");
    this.#readiness = undefined;
    this.#closing.resolve();
    this.#attempt?.close();
    await this.#life;
  }

  get #isClosed(): boolean {
    return this.state === "closed";
  }

  async #live(): Promise<void> {
    const { clock } = this.#plan;
    this.#since = clock.now();
    while (!this.#isClosed) {
      const attempt = new Attempt(this.#channel, {
        plan: this.#plan,
        hooks: {
          ...this.#hooks,
          ready: (agent, queue) => this.#becomeReady(agent, queue),
        },
      });
      this.#attempt = attempt;
      await attempt.over;
      this.#becomeDown();
      const end = await attempt.ended;
      await this.#sleep(REPORT_DELAY);
      if (this.#isClosed) break;
      await this.#sleep(this.#report(end));
    }
  }

  #becomeReady(agent: ConfigureData, queue: LinkQueue): void {
    if (this.#isClosed) return;
    const again = this.#failures > 0;
    this.#readyAt = this.#plan.clock.now();
    this.#readiness = {
      agent,
      queue,
      ms: Math.round(this.#readyAt - this.#since),
      again,
    };
    this.#hooks.ready(this.#readiness);
  }

  #becomeDown(): void {
    if (this.#isClosed) return;
    const now = this.#plan.clock.now();
    const { state } = this;
    if (state === "ready") {
      if (now - this.#readyAt >= STEADY_AFTER) this.#failures = 0;
      this.#wasUpBetween = this.#failures > 0;
      this.#since = now;
    }
    this.#failures++;
    this.#channel.down();
    this.#readiness = undefined;
    if (state !== "down") this.#hooks.down();
  }

  /** Gives the milliseconds until the next attempt. */
  #report(end: AttemptEnd): number {
    const { clock, host } = this.#plan;
    const retryIn = retryDelay(this.#failures, clock.random());
    const what = end.wasReady
      ? `The link to "${host}" ended`
      : `Cannot open a link to "${host}"`;
    this.#hooks.report({
      message: `${what}: ${end.reason}`,
      end,
      attempt: this.#failures,
      wasUpBetween: this.#wasUpBetween,
      retryIn,
      isTold: this.#telling.shouldTell(this.#failures, clock.now()),
    });
    return retryIn;
  }

  /** Waits, at most until the session is closed. */
  async #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#plan.clock.after(ms, resolve);
    await Promise.race([promise, this.#closing.promise]);
    cancel();
  }
}
