/**
 * Membership: the hosts of a mesh by name, and their way from one manifest to another.
 *
 * ## Theory of operation
 *
 * A mesh begins without hosts; its first manifest is a swap like any other. A swap compares
 * each host with its description in the next manifest (`description.ts`):
 *
 * | before | next    | the host                                            |
 * | ------ | ------- | --------------------------------------------------- |
 * | -      | there   | is started                                          |
 * | there  | -       | is ended                                            |
 * | there  | changed | is ended, and then another of its name is started   |
 * | there  | same    | stays: the same object, link, agent and connections |
 *
 * *Changed* is a host whose way is another, or whose agent cannot stay (`orders.ts`). The
 * agents of hosts that stay are told of the differences, if they can be, after the router.
 *
 * The other host of a name waits until nothing is left of the first, because two agents on
 * one machine would fight for its ports.
 *
 * **One turn.** Descriptions are compiled first, and only that can fail; then nothing has
 * changed. The rest happens before the swap returns: hosts that leave are closed, their
 * connections end as if they were down, and their peers are told; the router gets the
 * rules; hosts that come are starting. No packet sees a part of it. From then on TCP to a
 * host that was removed is refused, unless a route leads to its address; new connections to
 * a host that starts anew wait, as at the start of the mesh.
 *
 * **Afterwards** the agents end, within 2 s, and each end is told (`closed`).
 *
 * **Swaps and the rest of life.** A swap need not wait for another, nor for hosts that are
 * starting: a host that never became ready is ended, or stays, like any other, and an agent
 * that is configured later gets the greeting of the manifest in force. A name that was removed
 * and comes back waits for the end of its last agent. A close also waits for the hosts that
 * are still ending; after it a swap throws. Listeners may close the mesh at any time, and
 * may not swap while a swap calls them.
 *
 * **Agents of an earlier manager**, see `keeping.ts`, are for the first manifest only. A host
 * whose agent is to be taken back begins as if away, for its connections with others are
 * there. An agent with another configuration is told to end before its host is started.
 *
 * @module
 */

import type { Clock } from "../../link/clock.ts";
import type { Manifest } from "../../manifest/manifest.ts";
import { rulesOf } from "../../manifest/rules.ts";
import type { Connections } from "../../router/connections.ts";
import type { Router } from "../../router/route.ts";
import type { MeshEvent } from "../events.ts";
import { beginAbsent } from "../resume/absence.ts";
import { bidFarewell } from "../resume/farewell.ts";
import { becomeAway, becomeDown, type MeshParts } from "../happenings.ts";
import type { RunningHost } from "../running_host.ts";
import { Starts } from "../starts.ts";
import { timeOfStarts } from "../../transports/command/process.ts";
import {
  type Described,
  describeHost,
  type Description,
  differenceOfWay,
} from "./description.ts";
import type { Keeping } from "./keeping.ts";
import { makeHost } from "./make_host.ts";
import type { RestartedHost } from "../reload/change.ts";
import { differencesOf, type SwapReport } from "./swap_report.ts";

/** The manifest of a mesh that has not begun; its rules are of version 0. */
export const NOTHING: Manifest = { path: "", hosts: [], routes: [], warnings: [] };

/** The parts of a mesh that outlive its hosts. */
export interface MembershipParts {
  /** Its rules are those of {@linkcode NOTHING}. */
  readonly router: Router;
  /** Watches connections, if anybody asked for their events. */
  readonly connections: Connections | undefined;
  readonly clock: Clock;
  /** Keeps the keys of agents that stay. */
  readonly keeping: Keeping;
  /** Tells an event. */
  readonly emit: (event: MeshEvent) => void;
}

/** The hosts of a mesh. */
export class Membership implements MeshParts {
  readonly router: Router;
  readonly connections: Connections | undefined;
  readonly emit: (event: MeshEvent) => void;
  readonly #clock: Clock;
  readonly #starts: Starts;
  readonly #keeping: Keeping;
  readonly #hosts = new Map<string, RunningHost>();
  /** The ends of hosts that are not quite gone, by name. */
  readonly #endings = new Map<string, Promise<void>>();
  #manifest = NOTHING;
  #version = 0;
  #generation = 0;
  #isSwapping = false;
  #closed: Promise<void> | undefined;

  /** Begins without hosts. */
  constructor({ router, connections, clock, keeping, emit }: MembershipParts) {
    this.router = router;
    this.connections = connections;
    this.emit = emit;
    this.#clock = clock;
    this.#starts = new Starts({ clock, spent: timeOfStarts });
    this.#keeping = keeping;
  }

  /** The manifest in force. */
  get manifest(): Manifest {
    return this.#manifest;
  }

  /** The version of the rules in force: the number of swaps so far. */
  get version(): number {
    return this.#version;
  }

  /** The number of times that the map of hosts has changed. */
  get generation(): number {
    return this.#generation;
  }

  /** The hosts of the manifest in force, in its order. Always the same map. */
  get hosts(): ReadonlyMap<string, RunningHost> {
    return this.#hosts;
  }

  /**
   * Goes by another manifest from now on, see above, and tells what that does.
   *
   * @throws {Error} and changes nothing, if a transport is missing, if the mesh was closed,
   * or if called by a swap.
   */
  swap(next: Described): SwapReport {
    if (this.#closed) {
      throw new Error("Cannot change the hosts of a mesh that was closed");
    }
    if (this.#isSwapping) throw new Error("Cannot change hosts while they are changed");
    this.#isSwapping = true;
    try {
      return this.#swap(next);
    } finally {
      this.#isSwapping = false;
    }
  }

  /**
   * Ends a host and starts another in its place, by the same description. Nothing happens to
   * one that is not there any more.
   */
  restart(host: RunningHost): void {
    const { name } = host;
    if (this.#closed || this.#hosts.get(name) !== host) return;
    const fresh = this.#make(host.description);
    const wasPresent = host.state !== "down";
    this.#generation++;
    this.#hosts.set(name, fresh);
    this.#end(host);
    if (wasPresent) becomeDown(host, this);
    this.router.starting(name);
    this.#start(fresh);
  }

  /** Ends every agent and settles, within 2 s, when all is gone. */
  close(): Promise<void> {
    return this.#closed ??= (async () => {
      const hosts = [...this.#hosts.values()].map((host) => host.close());
      await Promise.all([...hosts, ...this.#endings.values()]);
    })();
  }

  #swap({ manifest, transports }: Described): SwapReport {
    const descriptions = manifest.hosts.map((spec) =>
      describeHost(spec, { manifest, transports })
    );
    const leaving = new Set(this.#hosts.values());
    const coming: RunningHost[] = [];
    const restarted: RestartedHost[] = [];
    const updated: string[] = [];
    const outdated: string[] = [];
    const hosts = descriptions.map((description) => {
      const { name } = description.spec;
      const host = this.#hosts.get(name);
      const why = host && reasonAgainst(host, description);
      if (host && why === undefined) {
        const { kind } = host.orders.prospect(description.greeting);
        if (kind === "update") updated.push(name);
        if (kind === "outdated") outdated.push(name);
        leaving.delete(host);
        host.description = description;
        return host;
      }
      if (why !== undefined) restarted.push({ host: name, why });
      const fresh = this.#make(description);
      coming.push(fresh);
      return fresh;
    });
    const before = this.#manifest;
    this.#manifest = manifest;
    this.#version++;
    this.#generation++;
    // Whole before anybody is told: a listener that closes the mesh finds every host.
    this.#hosts.clear();
    for (const host of hosts) this.#hosts.set(host.name, host);
    const removed = [...leaving].filter(({ name }) => !this.#hosts.has(name));
    const present = [...leaving].filter(({ state }) => state !== "down");
    for (const host of leaving) this.#end(host);
    for (const host of present) becomeDown(host, this);
    this.router.swap(rulesOf(manifest, this.#version));
    for (const { name } of coming) this.router.starting(name);
    if (this.#version === 1) this.#takeOver();
    for (const host of coming) this.#start(host);
    for (const host of hosts) host.orders.follow();
    const anew = new Set(restarted.map(({ host }) => host));
    return {
      version: this.#version,
      added: coming.map(({ name }) => name).filter((name) => !anew.has(name)),
      removed: removed.map(({ name }) => name),
      restarted,
      updated,
      outdated,
      ...differencesOf(before, manifest),
    };
  }

  #make(description: Description): RunningHost {
    const [clock, starts, keeping] = [this.#clock, this.#starts, this.#keeping];
    return makeHost(description, { mesh: this, clock, starts, keeping });
  }

  /** Makes the hosts ready for agents that an earlier manager left. */
  #takeOver(): void {
    const hosts = [...this.#hosts.values()];
    const absent = hosts.filter(({ plan }) => plan.resume?.left);
    const awaited = new Set(absent.map(({ name }) => name));
    for (const host of absent) {
      beginAbsent(host, awaited, hosts);
      becomeAway(host, this);
    }
    for (const { name, plan } of hosts) {
      const stale = this.#keeping.staleOf(name);
      if (stale) this.#endings.set(name, bidFarewell(plan, stale));
    }
    this.#keeping.begin(this.#manifest);
  }

  /** Starts a host when the last of its name is gone. Nothing happens to a closed one. */
  #start({ name, session }: RunningHost): void {
    const last = this.#endings.get(name);
    if (last) last.then(() => session.start());
    else session.start();
  }

  #end(host: RunningHost): void {
    const { name } = host;
    const ending = this.#ended(host, this.#endings.get(name)).then(() => {
      if (this.#endings.get(name) === ending) this.#endings.delete(name);
    });
    this.#endings.set(name, ending);
  }

  /** Closes a host; settles when it is gone, and the last of its name too. */
  async #ended(host: RunningHost, last: Promise<void> | undefined): Promise<void> {
    await host.close();
    await last;
    const { name, vip } = host;
    const startsAnew = !this.#closed && this.#hosts.has(name);
    this.emit({
      type: "closed",
      level: "info",
      host: name,
      vip,
      startsAnew,
      message: `Closed: ${name} (${vip})${startsAnew ? ", which starts anew" : ""}`,
    });
  }
}

/** Why a host cannot stay with another description; undefined if it can. */
function reasonAgainst(host: RunningHost, next: Description): string | undefined {
  const field = differenceOfWay(host.description, next);
  if (field !== undefined) return `${field} changed`;
  const prospect = host.orders.prospect(next.greeting);
  return prospect.kind === "anew" ? prospect.why : undefined;
}
