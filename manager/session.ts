/**
 * A host's life: link after link, from its start to its close.
 *
 * ## Theory of Operation
 *
 * ```
 *                         agent took its configuration, or was taken back
 *              ┌──────────────────────────────────────────────────────────────┐
 *              ▼                                                              │
 *            ready ── link ends, and its agent stays ──► away ──► (wait) ──► attempt
 *              │                                          ▲ │                 │ │ │
 *              │ link ends, and its agent with it         │ │                 │ │ │
 *              │                                          │ │ its time over,  │ │ │
 *              │      agent of an earlier manager         │ │ or its program  │ │ │
 *              │      not reached                         │ │ an old one      │ │ │
 *              │   ┌──────────────────────────────────────┘ │  host not       │ │ │
 *              │   │                                      ▲ │  reached (away) │ │ │
 *              │   │                                      └─┼─────────────────┘ │ │
 *              ▼   │                                        ▼                   │ │
 *  start ──► starting ───── host not reached ────────────► down ◄───────────────┘ │
 *              │                                            ▲   host not reached  │
 *              └────────► ready                             └─────────────────────┘
 *                                     agent that stayed is gone: a new one is
 *  close() from any state ──► closed  configured on the same link, so ready next
 * ```
 *
 * **States** are those of the host's {@linkcode Channel}, which stays while links change.
 * *starting*: the first attempt is under way. *ready*: packets are carried. *away*: the link
 * is gone, and its agent stays with all connections; the others hold theirs. *down*: an
 * attempt failed, and until another succeeds the host stays down, also while an attempt is
 * under way; so a connection to the host fails at once instead of hanging for as long as
 * attempts take. *closed*: for good.
 *
 * **An agent that stays** said so in its answer to `configure`. It is *taken back* by the
 * next attempt, which has its key, and then nothing has ended. Away ends otherwise when that
 * attempt finds that the agent is gone, when the agent's time without a link is over, or
 * when the program on the host turns out to be one that cannot go back: the host is down,
 * and what follows is the same as for all others. The key may come from a manager before
 * this one, see `resume/state_file.ts`; then the first attempt has it, while starting.
 *
 * **Events.** An {@linkcode Attempt} reports that its agent is ready and, once, that the
 * attempt is over. Between `over` and `ended` its link is being taken down; the host is
 * away or down from `over` on, while the next attempt waits for `ended`, because two agents
 * on the same host would fight for its ports.
 *
 * **Packets** do not pass through here: the session tells the mesh when the host is
 * ready, with the queue that leads there, and when the host is away or down, and the router
 * acts on that. While starting, a SYN waits in the router, no longer than the first attempt
 * may take; while away, 10 s at most.
 *
 * **Peers and the user.** `away` and `down` are told to the mesh at once, which tells the
 * agents that understand it; `report` and `reportAway`, which the user reads, come
 * {@linkcode REPORT_DELAY} later, since on Ctrl-C the commands get the signal as well and
 * may end before the manager closes them. A host that is back sooner is told away first.
 *
 * **Limits.** An attempt must get its answer within the host's `connectTimeout`. The wait
 * between attempts is that of `backoff.ts`: 0.5 s to 30 s, from the beginning again once
 * the host was up for {@linkcode STEADY_AFTER}. An agent that stays is tried at once, unless
 * its link lasted less than {@linkcode LASTING}. After a jump of the clock (`resume/wake.ts`) all
 * waits are over, and an attempt that would take an agent back begins anew.
 *
 * Where many hosts are tried at a time, an attempt waits for its turn, see `starts.ts`.
 *
 * A close is over within 2 s: 0.6 s for the agent to end by the end of its input, then the
 * transport's abort. An agent that is away is told by `farewell.ts`, in the same time.
 *
 * @module
 */

import type { Channel, ChannelState, Traffic } from "../link/channel.ts";
import type { AgentKey } from "./resume/agent_key.ts";
import type { WindowStatus } from "../link/window/window.ts";
import type { LinkQueue } from "../link/queue/queue.ts";
import type { ConfigureData, UpdateArgs } from "../wire/control/control.ts";
import type { Frame } from "../wire/frame.ts";
import { agentChannel } from "./agent_channel.ts";
import {
  Attempt,
  type AttemptEnd,
  type AttemptHooks,
  type AttemptPlan,
  type ReadyAgent,
} from "./attempt.ts";
import type { GreetingPlan } from "./greeting.ts";
import { retryDelay, STEADY_AFTER, Telling } from "./backoff.ts";
import { bidFarewell } from "./resume/farewell.ts";
import { Stay } from "./resume/stay.ts";
import { watchJumps } from "./resume/wake.ts";

/** Milliseconds between a failure and telling the user, in which a close makes it void. */
const REPORT_DELAY = 100;
/** Milliseconds that a link must have lasted for an agent that stays to be tried at once. */
const LASTING = 1000;

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

/** A failed attempt at a host whose agent stays, or the end of its link. */
export interface Absence extends Failure {
  /** Milliseconds that the agent stays, from now on. */
  readonly left: number;
}

/** A host that became ready. */
export interface Readiness {
  /** The answer of its agent to `configure`, or as if to that. */
  readonly agent: ConfigureData;
  /** The queue of frames to the host. */
  readonly queue: LinkQueue;
  /** Milliseconds since the first attempt began, or since the host went away or down. */
  readonly ms: number;
  /** Whether the host was away or down before. */
  readonly again: boolean;
  /** Whether its agent is the one of before, with all its connections. */
  readonly resumed: boolean;
  /** False after failures that were not told: it would only fill the log as well. */
  readonly isTold: boolean;
  /** What the agent was told when it was greeted; absent if it is the one of before. */
  readonly greeting?: GreetingPlan | undefined;
}

/** The reports of a session to the mesh. */
export interface SessionHooks extends Omit<AttemptHooks, "ready" | "refused"> {
  /** The host can be reached from now on. */
  ready(readiness: Readiness): void;
  /** The link is gone, and the agent stays for the next. Not called by a close. */
  away?(): void;
  /** The host cannot be reached from now on. Not called by a close. */
  down(): void;
  /** While starting: the agent of an earlier manager, to be taken back, is gone. */
  lost?(): void;
  /** The link of an agent that stays ended, or an attempt to take the agent back failed. */
  reportAway?(absence: Absence): void;
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
  /** The key of the agent that stays when its link is gone. */
  #key: AgentKey | undefined;
  #failures = 0;
  #attempts = 0;
  /** Failures that the next wait goes by. */
  #tries = 0;
  #wasUpBetween = false;
  /** When the present state's wait began: the first attempt, or the host going away or down. */
  #since = 0;
  #readyAt = 0;
  /** The time of an agent that is away. */
  readonly #stay: Stay<Absence>;
  /** Why an agent that stayed was given up, complete. */
  #givenUp: string | undefined;
  /** Why it has no link: the end of the link, or of the last attempt. */
  #lastReason = "";
  #isAsking = false;
  #stopWatch: (() => void) | undefined;
  /** Ends the present wait for the next attempt. */
  #cut = () => {};
  #life: Promise<void> | undefined;
  readonly #closing = Promise.withResolvers<void>();

  constructor(plan: AttemptPlan, hooks: SessionHooks) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.#channel = agentChannel(plan, hooks);
    this.#stay = new Stay({
      clock: plan.clock,
      delay: REPORT_DELAY,
      tell: (absence) => hooks.reportAway?.(absence),
    });
  }

  get state(): HostState {
    return this.#channel.state;
  }

  /** The window of the present link, if its agent acknowledges. */
  get window(): WindowStatus | undefined {
    return this.#channel.window;
  }

  /** What went over all its links. */
  get traffic(): Traffic {
    return this.#channel.traffic;
  }

  /** How often a link was opened, or was to be. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The agent's answer and the way to the agent; absent unless ready. */
  get readiness(): Readiness | undefined {
    return this.#readiness;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether an agent that stayed is to be taken back, and was not yet. */
  get isAwaited(): boolean {
    return this.#key !== undefined &&
      (this.state === "away" || this.state === "starting");
  }

  /** Begins the first attempt. */
  start(): void {
    if (!this.#isClosed) this.#key = this.#plan.resume?.left;
    this.#life = this.#live();
  }

  /** Sends a control message, if the agent is ready and announced `feature`. */
  send(feature: string, message: Frame): void {
    if (!this.#readiness?.agent.features.includes(feature)) return;
    this.#channel.push(message);
  }

  /**
   * Asks the agent for a sign of life, which goes ahead of packets both ways. Rejects if none
   * comes within `ms`, or the link ends.
   */
  async ping(ms: number): Promise<void> {
    await this.#channel.call("ping", undefined, { ms });
  }

  /** Asks a ready agent for its status once more. */
  askStatus(): void {
    this.#attempt?.askStatus();
  }

  /**
   * Asks a ready agent to go by other orders, see {@linkcode Attempt.update}; false if the
   * link ended before the answer, or no agent is ready.
   */
  async update(args: UpdateArgs): Promise<boolean> {
    const attempt = this.#attempt;
    if (!this.#readiness || !attempt) return false;
    try {
      await attempt.update(args);
      return true;
    } catch (error) {
      if (attempt.isOver) return false;
      throw error;
    }
  }

  /** Ends the agent and makes no further attempt. Settles when nothing is left, within 2 s. */
  async close(): Promise<void> {
    const absent = this.isAwaited ? this.#key : undefined;
    this.#channel.close("the host is being closed");
    this.#readiness = undefined;
    this.#stay.forget();
    this.#stopWatch?.();
    this.#closing.resolve();
    this.#attempt?.close();
    await Promise.all([this.#life, absent && bidFarewell(this.#plan, absent)]);
    if (this.#key) this.#keep(undefined);
  }

  get #isClosed(): boolean {
    return this.state === "closed";
  }

  async #live(): Promise<void> {
    this.#since = this.#plan.clock.now();
    while (!this.#isClosed) {
      const isUrgent = this.#failures === 0 || this.state === "away";
      const turn = this.#plan.starts?.turn(isUrgent, this.#closing.promise);
      if (turn) {
        await turn;
        if (this.#isClosed) break;
      }
      this.#attempts++;
      const attempt = new Attempt(this.#channel, {
        plan: this.#plan,
        hooks: {
          ...this.#hooks,
          ready: (ready) => this.#becomeReady(ready),
          refused: (words) => this.#becomeNew(words),
          asking: (isAsking) => {
            this.#isAsking = isAsking;
            this.#hooks.asking?.(isAsking);
          },
        },
        key: this.#key,
      });
      this.#attempt = attempt;
      await attempt.over;
      this.#lose();
      const end = await attempt.ended;
      if (this.state === "away" && !await this.#waitAway(end)) continue;
      await this.#sleep(REPORT_DELAY);
      if (this.#isClosed) break;
      await this.#sleep(this.#report(end));
    }
  }

  #becomeReady({ agent, queue, key, resumed, greeting }: ReadyAgent): void {
    if (this.#isClosed) return;
    this.#stay.end();
    this.#stopWatch?.();
    this.#stopWatch = undefined;
    this.#givenUp = undefined;
    if (!resumed) this.#keep(key);
    const again = this.#failures > 0;
    const isTold = this.#telling.shouldTellReturn() || !again;
    this.#readyAt = this.#plan.clock.now();
    this.#readiness = {
      agent,
      queue,
      ms: Math.round(this.#readyAt - this.#since),
      again,
      resumed,
      isTold,
      greeting,
    };
    this.#hooks.ready(this.#readiness);
  }

  /** The attempt found that the agent that stayed is gone, and goes on with a new one. */
  #becomeNew(words: string): void {
    if (this.#isClosed) return;
    const isAway = this.state === "away";
    this.#keep(undefined);
    if (!isAway) return this.#hooks.lost?.();
    this.#becomeDown();
    this.#telling.tells();
    this.#hooks.report({
      ...this.#failure({ reason: words, wasReady: true }),
      message: `The agent of "${this.#plan.host}" is gone: ${words}`,
      retryIn: 0,
      isTold: true,
    });
  }

  /** The attempt is over. */
  #lose(): void {
    if (this.#isClosed) return;
    const now = this.#plan.clock.now();
    const { state } = this;
    let isLasting = false;
    if (state === "ready") {
      const up = now - this.#readyAt;
      isLasting = this.#key !== undefined && up >= LASTING;
      if (up >= STEADY_AFTER) this.#failures = this.#tries = 0;
      this.#wasUpBetween = this.#failures > 0;
      this.#since = now;
    }
    this.#failures++;
    this.#tries = isLasting ? 0 : this.#tries + 1;
    this.#stopWatch ??= watchJumps(this.#plan.clock, () => this.#wake());
    if (!this.#key) return this.#becomeDown();
    if (state !== "away") this.#becomeAway(this.#key);
  }

  #becomeAway({ seconds }: AgentKey): void {
    const { clock, host } = this.#plan;
    const since = this.#channel.heardAt ?? clock.now();
    this.#stay.begin(since + seconds * 1000, () => {
      this.#giveUp(`"${host}" did not come back within ${inWords(seconds)}`);
    });
    this.#channel.away();
    this.#readiness = undefined;
    this.#hooks.away?.();
  }

  #becomeDown(): void {
    const { state } = this;
    this.#stay.end();
    this.#channel.down();
    this.#readiness = undefined;
    if (state !== "down") this.#hooks.down();
  }

  /** Waits for no agent any more that stayed. */
  #giveUp(why: string): void {
    if (this.state !== "away") return;
    this.#givenUp = `${why}: ${this.#lastReason}`;
    this.#keep(undefined);
    this.#becomeDown();
    this.#attempt?.end("its agent is not waited for any more");
    this.#cut();
  }

  /** True if it came to nothing: the host is down by now, which is to be told. */
  async #waitAway(end: AttemptEnd): Promise<boolean> {
    const { clock, host } = this.#plan;
    this.#lastReason = end.reason;
    if (end.knowsNoAttach) {
      this.#giveUp(`The program on "${host}" cannot go back to the agent there`);
      return true;
    }
    const retryIn = this.#tries === 0 ? 0 : retryDelay(this.#tries, clock.random());
    this.#stay.tellSoon({ ...this.#failure(end), retryIn, left: this.#stay.left });
    if (retryIn > 0) await this.#sleep(retryIn);
    return this.state === "down";
  }

  /** Gives the milliseconds until the next attempt. */
  #report(end: AttemptEnd): number {
    const retryIn = retryDelay(this.#tries, this.#plan.clock.random());
    const failure = { ...this.#failure(end), retryIn };
    const why = this.#givenUp;
    this.#givenUp = undefined;
    if (why) this.#telling.tells();
    this.#hooks.report(why ? { ...failure, message: why, isTold: true } : failure);
    return retryIn;
  }

  #failure(end: AttemptEnd): Failure {
    const { clock, host } = this.#plan;
    const what = end.wasReady
      ? `The link to "${host}" ended`
      : `Cannot open a link to "${host}"`;
    return {
      message: `${what}: ${end.reason}`,
      end,
      attempt: this.#failures,
      wasUpBetween: this.#wasUpBetween,
      retryIn: 0,
      isTold: this.#telling.shouldTell(this.#failures, clock.now()),
    };
  }

  /** Has the key kept of the agent that stays, or that there is none. */
  #keep(key: AgentKey | undefined): void {
    this.#key = key;
    this.#plan.resume?.keep?.(key);
  }

  /** The clock jumped: waits make no sense any more, nor does a link that opens. */
  #wake(): void {
    this.#tries = 0;
    this.#cut();
    if (this.state === "away" && !this.#isAsking) {
      this.#attempt?.end("the clock jumped while its link was being opened");
    }
  }

  /** Waits, at most until the session is closed or the wait is cut. */
  async #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#plan.clock.after(ms, resolve);
    this.#cut = resolve;
    await Promise.race([promise, this.#closing.promise]);
    cancel();
  }
}

/** `90 s`, `5 min` or `2 h`. */
export function inWords(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
