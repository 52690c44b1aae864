/**
 * A session of a manager with a fake agent, under a clock that a test turns.
 *
 * @module
 */
import assert from "node:assert/strict";
import { memoryLinkPair } from "../link/memory.ts";
import type { Link, OpenContext } from "../transports/mod.ts";
import { FrameType } from "../wire/frame.ts";
import { type Behaviour, FakeAgent } from "./_fake_agent.ts";
import { FakeClock, settle } from "../link/_fake_clock.ts";
import type { AttemptPlan, ResumePlan } from "./attempt.ts";
import type { GreetingPlan } from "./greeting.ts";
import { type Absence, type Failure, type Readiness, Session } from "./session.ts";

/** One session over memory links to fake agents, under a fake clock. */
export class Bench implements AsyncDisposable {
  readonly clock = new FakeClock();
  /** Agents so far, the present one last. */
  readonly agents: FakeAgent[] = [];
  readonly links: Link[] = [];
  readonly readiness: Readiness[] = [];
  readonly failures: Failure[] = [];
  readonly absences: Absence[] = [];
  readonly log: string[] = [];
  /** Of the next agents. */
  behaviour: Behaviour = {};
  /**
   * How links are opened; by default to the agent that stayed, if that is asked for and there
   * is one, else to a new fake agent.
   */
  open: (context: OpenContext) => Promise<Link> = ({ attach }) =>
    Promise.resolve(this.link(attach));
  readonly session: Session;

  constructor(given: Partial<AttemptPlan & GreetingPlan> = {}) {
    const { configure, extend, needed, ...plan } = given;
    this.session = new Session({
      host: "web",
      command: "docker exec -i web norouter",
      greeting: {
        configure: configure ?? {
          me: "127.0.42.101",
          forwards: [],
          others: [],
          hostnameMap: { web: "127.0.42.101" },
        },
        ...(extend && { extend }),
        needed: needed ?? { required: ["tcp"], wanted: [] },
      },
      connectTimeout: 20_000,
      clock: this.clock,
      open: (context) => this.open(context),
      async carry(batches, onControl) {
        for await (const batch of batches) {
          for (const frame of batch) if (frame.type === FrameType.JSON) onControl(frame);
        }
      },
      ...plan,
    }, {
      ready: (readiness) => {
        this.readiness.push(readiness);
        this.log.push("ready");
      },
      away: () => this.log.push("away"),
      down: () => this.log.push("down"),
      lost: () => this.log.push("lost"),
      report: (failure) => this.failures.push(failure),
      reportAway: (absence) => {
        this.absences.push(absence);
        this.log.push("told away");
      },
      suggestion: ({ ip, route }) => this.log.push(`${ip} via ${route}`),
      status: ({ listeners }) => this.log.push(`${listeners.length} listeners`),
      listenersUp: ({ listeners }) => this.log.push(`${listeners.length} up`),
      excess: (bytes) => this.log.push(`excess ${bytes}`),
      progress: () => {},
      output: (stream, line) => this.log.push(`${stream}: ${line}`),
    });
  }

  link(attach?: string): Link {
    const [near, far] = memoryLinkPair();
    this.links.push(near);
    const kept = this.agents.findLast((agent) => agent.stays(attach));
    if (kept) kept.lend(far);
    else this.agents.push(new FakeAgent(far, this.behaviour));
    return near;
  }

  get agent(): FakeAgent {
    return this.agents.at(-1)!;
  }

  /** Starts the session and lets it come as far as it can without time passing. */
  async start(): Promise<this> {
    this.session.start();
    await settle();
    return this;
  }

  /** What the user was told, in words. */
  get told(): string[] {
    return this.failures.filter(({ isTold }) => isTold).map(({ message }) => message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = this.session.close();
    await this.clock.pass(3000, 500);
    await closing;
    assert.equal(this.clock.pending, 0, "no timer is left");
  }
}

/** A wish that agents stay for a minute, as the plan of a session has it. */
export const resume: ResumePlan = { seconds: 60, mesh: "feedbeef", keep() {} };

export const extend = {
  http: { listen: ":18080", auth: { username: "u", password: "hunter2" } },
  exceptions: [{ route: 0, hostnames: ["*.intern"] }],
};

export const needed = { required: ["tcp", "extend"], wanted: [] };
