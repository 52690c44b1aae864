/**
 * A running mesh: router and hosts, from their start to their close.
 *
 * @module
 */

import { type Clock, paceOf, systemClock } from "../link/clock.ts";
import {
  type HostRule,
  isSameRule,
  rulesIn,
  withRules,
} from "../manifest/added_rules.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { rulesOf } from "../manifest/rules.ts";
import type { RouteCounters } from "../router/counters.ts";
import type { Around } from "../router/forwarding.ts";
import { Router } from "../router/route.ts";
import { learnDescriptorLimit } from "../transports/command/descriptor_limit.ts";
import type { Transport } from "../transports/mod.ts";
import { withKeptVips } from "./free_vips.ts";
import type { SwapReport } from "./members/swap_report.ts";
import { connectionsOf } from "./telling/connections.ts";
import { Denials } from "./telling/denied.ts";
import { Pursuit } from "./pursuit.ts";
import type {
  EventsOptions,
  Mesh,
  MeshOptions,
  ReadyReport,
  StatusOptions,
} from "./contract.ts";
import { Keeping } from "./members/keeping.ts";
import { meshName, meshTitle } from "./resume/mesh_name.ts";
import { StateFile } from "./resume/state_file.ts";
import { StateLock } from "./resume/state_lock.ts";
import type { MeshEvent } from "./events.ts";
import { statusOf } from "./gather_status.ts";
import { Membership, NOTHING } from "./members/membership.ts";
import { EventStream, MOST_EVENTS } from "./event_stream.ts";
import type { ManifestInput, Reading } from "./reading.ts";
import { type MeshChange, meshChange } from "./reload/change.ts";
import { LiveRules } from "./reload/live_rules.ts";
import { freshWarnings, reloadEvent } from "./reload/told.ts";
import type { Echo, PingOptions } from "./echo.ts";
import type { Pinger } from "./ping.ts";
import type { RunningHost } from "./running_host.ts";
import type { MeshStatus } from "./status.ts";

/** Milliseconds that `ready()` and `status()` wait for the status of agents. */
const STATUS_LIMIT_MS = 1000;

/** A mesh from its start to its close. */
export class RunningMesh implements Mesh {
  readonly #members: Membership;
  /** That of its state file. */
  #lock: StateLock | undefined;
  readonly #router: Router;
  /** Tells of connections that the policy denied. */
  readonly #denials: Denials;
  /** Has those ended that a new policy forbids. */
  readonly #pursuit: Pursuit;
  readonly #clock: Clock;
  /** The time of the start, in milliseconds of the clock. */
  readonly #since: number;
  readonly #listeners = new Set<(event: MeshEvent) => void>();
  readonly #reading: Reading;
  #isClosed = false;
  readonly #streams = new Set<EventStream<MeshEvent>>();
  /** Made for the first echo. */
  #pinger: Pinger | undefined;
  /** Updates happen one after the other; settles with the last that was asked for. */
  #updates: Promise<unknown> = Promise.resolve();
  #transports: ReadonlyMap<string, Transport>;
  /** The manifest in force without the rules that were added. */
  #base: Manifest;
  readonly rules: LiveRules;

  /**
   * Starts the mesh.
   *
   * @throws {ManifestError} if the rules of the options do not go with the manifest.
   * @throws {Error} if its state file cannot be used.
   */
  constructor(
    manifest: Manifest,
    reading: Reading,
    options: MeshOptions,
    transports = reading.transports,
  ) {
    const own = rulesIn(manifest);
    const rules = (options.rules ?? []).filter((rule) =>
      !own.some((each) => isSameRule(each, rule))
    );
    const ruled = withRules(manifest, rules);
    this.#base = manifest;
    this.rules = new LiveRules(this, rules);
    this.#reading = reading;
    this.#transports = transports;
    learnDescriptorLimit();
    if (options.onEvent) this.#listeners.add(options.onEvent);
    const clock = this.#clock = options.clock ?? systemClock;
    const now = () => clock.now();
    this.#since = now();
    const emit = (event: MeshEvent) => this.#emit(event);
    const denials = this.#denials = new Denials({ clock, emit });
    const router = this.#router = new Router(rulesOf(NOTHING, 0), {
      now,
      pace: paceOf(clock),
      seed: Math.trunc(clock.random() * 2 ** 32),
      onDenied: (denial) => {
        connections?.denied(denial.frame);
        denials.add(denial);
      },
    });
    this.#pursuit = new Pursuit(router, clock);
    const connections = options.connections
      ? connectionsOf({ router, now, emit })
      : undefined;
    const { state: path, name } = options;
    this.#lock = path === undefined ? undefined : StateLock.take(path);
    try {
      const named = name === undefined ? { path: manifest.path } : { name };
      const state = path === undefined
        ? undefined
        : StateFile.open(path, meshTitle(named));
      const keeping = new Keeping(state?.mesh ?? meshName(named), state);
      this.#members = new Membership({ router, connections, clock, keeping, emit });
      this.#members.swap({ manifest: ruled, transports });
    } catch (error) {
      this.#lock?.release();
      throw error;
    }
  }

  get manifest(): Manifest {
    return this.#members.manifest;
  }

  get hosts(): ReadonlyMap<string, RunningHost> {
    return this.#members.hosts;
  }

  get counters(): Readonly<RouteCounters> {
    return this.#router.counters;
  }

  update(manifest: ManifestInput): Promise<MeshChange> {
    const updated = this.#updates.then(async () => {
      const read = await this.#reading.read(manifest);
      return this.change(read.manifest, read.transports);
    });
    this.#updates = updated.catch(() => {});
    return updated;
  }

  /**
   * Goes by another manifest, and tells so: with addresses that are free for new hosts, and
   * those of before for the others, and with the rules that were added. Warnings of it
   * that the manifest before did not have are told behind.
   *
   * @throws {Error} and changes nothing, as {@linkcode RunningMesh.swap} does.
   */
  change(manifest: Manifest, transports = this.#transports): MeshChange {
    const base = withKeptVips(this.manifest, manifest);
    const { manifest: ruled, keep } = this.rules.on(base);
    const before = this.manifest;
    const change = this.#go(base, ruled, transports);
    for (const warning of freshWarnings({ before, after: this.manifest })) {
      this.#emit(warning);
    }
    keep();
    return change;
  }

  /** Goes by the same manifest with other rules besides, and tells so. */
  rule(rules: readonly HostRule[]): MeshChange {
    const base = withKeptVips(this.manifest, this.#base);
    return this.#go(base, withRules(base, rules), this.#transports);
  }

  #go(
    base: Manifest,
    ruled: Manifest,
    transports: ReadonlyMap<string, Transport>,
  ): MeshChange {
    const before = this.manifest;
    const swapped = this.swap(ruled, transports);
    this.#base = base;
    const after = this.manifest;
    const change = meshChange({ before, after }, swapped);
    this.#emit(reloadEvent(change, after));
    return change;
  }

  events({ limit = MOST_EVENTS }: EventsOptions = {}): EventStream<MeshEvent> {
    const stream = new EventStream<MeshEvent>(limit, () => this.#streams.delete(stream));
    if (this.#isClosed) stream.end();
    else this.#streams.add(stream);
    return stream;
  }

  /**
   * Goes by another manifest from now on, see {@linkcode Membership}, and tells nobody: for
   * programs, {@linkcode RunningMesh.update} does. A host is the same only if its transport
   * is the same object. Hosts without a `vip` keep theirs, see {@linkcode withKeptVips}.
   *
   * @throws {Error} and changes nothing, see {@linkcode Membership.swap}.
   */
  swap(manifest: Manifest, transports = this.#transports): SwapReport {
    const kept = withKeptVips(this.manifest, manifest);
    const report = this.#members.swap({ manifest: kept, transports });
    this.#pursuit.begin();
    this.#denials.keep(this.hosts);
    this.#transports = transports;
    this.#base = manifest;
    return report;
  }

  /** Ends a host and starts it anew; false if there is no host of that name. */
  restart(name: string): boolean {
    const host = this.hosts.get(name);
    if (host) this.#members.restart(host);
    return host !== undefined;
  }

  async status({ ms = STATUS_LIMIT_MS }: StatusOptions = {}): Promise<MeshStatus> {
    await this.#within(ms, [...this.hosts.values()].map((host) => host.refresh()));
    const hosts = [...this.hosts.values()];
    const [now, since] = [this.#clock.now(), this.#since];
    return statusOf({ hosts, router: this.#router, now, since });
  }

  async ping(host: string, options: PingOptions = {}): Promise<Echo> {
    const { Pinger } = await import("./ping.ts");
    const members = this.#members;
    const [router, clock] = [this.#router, this.#clock];
    const mesh = {
      router,
      clock,
      get hosts() {
        return members.hosts;
      },
    };
    this.#pinger ??= new Pinger(mesh);
    return await this.#pinger.ping(host, options);
  }

  /** Has a watch stand around the end of all pipelines, or none; see {@linkcode Router}. */
  watch(around: Around | undefined): void {
    this.#router.watch(around);
  }

  subscribe(listener: (event: MeshEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async ready(): Promise<ReadyReport> {
    let hosts: RunningHost[];
    let failures: (string | undefined)[];
    let generation: number;
    do {
      generation = this.#members.generation;
      hosts = [...this.hosts.values()];
      failures = await Promise.all(hosts.map((host) => host.firstVerdict));
    } while (generation !== this.#members.generation);
    const failed = hosts.flatMap((host, index) => {
      const message = failures[index];
      return message === undefined ? [] : [{ host, message }];
    });
    const ready = hosts.filter((_, index) => failures[index] === undefined);
    // Wait for the listeners of ready hosts, with a limit: an agent may not tell.
    await this.#within(STATUS_LIMIT_MS, ready.map(({ report }) => report.first));
    return { ok: failed.length === 0, ready, failed };
  }

  async close(): Promise<void> {
    this.#pursuit.stop();
    this.#denials.close();
    this.#pinger?.close();
    await this.#members.close();
    this.#denials.close();
    this.#lock?.release();
    this.#lock = undefined;
    this.#isClosed = true;
    for (const stream of [...this.#streams]) stream.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Tells an event of somebody who works on the mesh. */
  tell(event: MeshEvent): void {
    this.#emit(event);
  }

  #emit(event: MeshEvent): void {
    if (event.type === "down") this.#pursuit.goOn();
    for (const stream of this.#streams) stream.push(event);
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // A mistake of the listener's author must not change the mesh.
        reportError(error);
      }
    }
  }

  /** Settles when all promises have, or after `ms`. */
  async #within(ms: number, promises: readonly Promise<void>[]): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(ms, resolve);
    await Promise.race([late, Promise.all(promises)]);
    cancel();
  }
}
