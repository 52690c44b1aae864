/**
 * A host of a running mesh: its session, its report, and its counters.
 *
 * @module
 */

import type { Traffic } from "../link/channel.ts";
import type { Clock } from "../link/clock.ts";
import type { HostSpec } from "../manifest/manifest.ts";
import type { PoliceCounters } from "../router/police.ts";
import { formatIpv4 } from "../wire/ip/ipv4.ts";
import { AgentReport } from "./agent_report.ts";
import { Beliefs } from "./resume/beliefs.ts";
import type { AttemptPlan } from "./attempt.ts";
import type { MeshHost } from "./contract.ts";
import type { HostWarningEvent } from "./events.ts";
import type { Orders } from "./members/orders.ts";
import type { Description } from "./members/description.ts";
import { Excess } from "./telling/excess.ts";
import { HostText, TEXT_LIMITS } from "./telling/host_text.ts";
import type { WindowStatus } from "../link/window/window.ts";
import { type HostState, Session, type SessionHooks } from "./session.ts";
import type { ResumeStatus } from "./status.ts";

/** Parts of a {@linkcode RunningHost}. */
export interface HostParts {
  /** Its description in the manifest. */
  readonly description: Description;
  /** The plan of each attempt to link the host. */
  readonly plan: AttemptPlan;
  /** Verdicts on its frames, counted by its pipeline. */
  readonly police: Readonly<PoliceCounters>;
  /** The orders of its agent. */
  readonly orders: (host: RunningHost) => Orders;
  /** The hooks of its session. */
  readonly hooks: (host: RunningHost) => SessionHooks;
  /** Takes a warning about the host. */
  readonly warn: (event: HostWarningEvent) => void;
}

/** A host, from its start to its close. */
export class RunningHost implements MeshHost {
  /** Its description in the manifest in force: that of its start, or another of the same way. */
  description: Description;
  readonly plan: AttemptPlan;
  readonly session: Session;
  /** What its agent goes by. */
  readonly orders: Orders;
  readonly police: Readonly<PoliceCounters>;
  /** Its lines of text, within their budget. */
  readonly text: HostText;
  /** Control messages beyond its budget. */
  readonly controls: Excess;
  /** Frames that police dropped. */
  readonly packets: Excess;
  /** The state that its agent told. */
  readonly report = new AgentReport();
  readonly vip: string;
  /** What its agent was told of the other hosts, and was not. */
  readonly beliefs = new Beliefs();
  /** Whether it is away, or its agent is one of an earlier manager, not taken back yet. */
  isAbsent = false;
  /** Whether its agent stays when its link is gone; undefined unless ready or away. */
  resume: ResumeStatus | undefined;
  /** Ends the look after connections that wait for the host while it is absent. */
  stopWaits = () => {};
  /** The message of the first failure, or nothing if the host became ready first. */
  readonly firstVerdict: Promise<string | undefined>;
  /** Settles the first verdict; later ones change nothing. */
  readonly verdict: (failure: string | undefined) => void;
  /** How often the host became ready. */
  timesReady = 0;
  /** How often its agent was taken back, with its connections. */
  timesResumed = 0;
  /** When the host became ready last, in milliseconds of the clock. */
  readyAt = 0;
  #lastFailure: string | undefined;

  constructor({ description, plan, police, orders, hooks, warn }: HostParts) {
    const { spec } = description;
    this.description = description;
    this.plan = plan;
    this.police = police;
    this.vip = formatIpv4(spec.vip);
    const { name } = spec;
    const tell = (message: string) =>
      warn({ type: "warning", level: "warn", host: name, message });
    this.text = textOf(name, plan.clock, tell);
    this.controls = controlsOf(name, plan.clock, tell);
    this.packets = packetsOf(name, plan.clock, tell);
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.firstVerdict = promise;
    this.verdict = resolve;
    this.session = new Session(plan, hooks(this));
    this.orders = orders(this);
  }

  /** Its entry in the manifest in force. */
  get spec(): HostSpec {
    return this.description.spec;
  }

  get name(): string {
    return this.spec.name;
  }

  get command(): string {
    return this.plan.command;
  }

  get state(): HostState {
    return this.session.state;
  }

  get version(): string | undefined {
    return this.session.readiness?.agent.version;
  }

  get features(): readonly string[] {
    return this.session.readiness?.agent.features ?? [];
  }

  get failures(): number {
    return this.session.failures;
  }

  get failedListeners(): readonly string[] {
    return this.report.failedListeners;
  }

  /** The window of its link, if its agent acknowledges. */
  get window(): WindowStatus | undefined {
    return this.session.window;
  }

  /** What went over all its links. */
  get traffic(): Traffic {
    return this.session.traffic;
  }

  get droppedControls(): number {
    return this.controls.total;
  }

  get droppedLines(): number {
    return this.text.leftOut;
  }

  get lastFailure(): string | undefined {
    return this.state === "down" || this.state === "away" ? this.#lastFailure : undefined;
  }

  set lastFailure(message: string) {
    this.#lastFailure = message;
  }

  /** Asks its agent for a status; settles with the answer, or when the agent is gone. */
  async refresh(): Promise<void> {
    if (!this.features.includes("status")) return;
    await this.report.asked(() => this.session.askStatus());
  }

  /** Ends its agent and settles when nothing of the agent is left. */
  async close(): Promise<void> {
    this.stopWaits();
    await this.session.close();
    this.report.forget();
    this.text.close();
    this.controls.flush();
    this.packets.flush();
    this.verdict(`"${this.name}" was closed before it became ready`);
  }
}

function textOf(host: string, clock: Clock, warn: (message: string) => void): HostText {
  const { pieces, bytes } = TEXT_LIMITS;
  return new HostText(clock, (lines, characters) =>
    warn(
      `${lines} lines from "${host}" (${characters} characters) were left out: ` +
        `more than ${pieces.perSecond} lines or ` +
        `${bytes.perSecond} characters a second came on the long run`,
    ));
}

function controlsOf(host: string, clock: Clock, warn: (message: string) => void): Excess {
  return new Excess(clock, (messages, bytes) =>
    warn(
      `${messages} control messages from "${host}" (${bytes} bytes) were dropped: ` +
        `they came too fast, or answered what nobody had asked`,
    ));
}

/** Fewer are not told: honest hosts too send answers of connections that just ended. */
const TOLD_PACKETS = 1000;

function packetsOf(host: string, clock: Clock, warn: (message: string) => void): Excess {
  return new Excess(clock, (packets, bytes) => {
    if (packets < TOLD_PACKETS) return;
    warn(
      `${packets} packets from "${host}" (${bytes} bytes) were dropped: ` +
        `they are not whole, or in the name of an address that is not its own`,
    );
  });
}
