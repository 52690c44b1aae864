/**
 * A running mesh: router and hosts, from their start to their close.
 *
 * @module
 */

import { type Clock, paceOf, systemClock } from "../link/clock.ts";
import type { HostSpec, Manifest } from "../manifest/manifest.ts";
import { rulesOf } from "../manifest/rules.ts";
import { carry } from "../router/pipeline.ts";
import { policeCounters } from "../router/police.ts";
import type { RouteCounters } from "../router/counters.ts";
import { Router } from "../router/route.ts";
import { learnDescriptorLimit } from "../transports/command/descriptor_limit.ts";
import type { Transport } from "../transports/mod.ts";
import { configureArgs, extendArgs, neededFeatures } from "./configure.ts";
import { connectionsOf } from "./telling/connections.ts";
import type { Mesh, MeshOptions, ReadyReport, StatusOptions } from "./contract.ts";
import type { MeshEvent } from "./events.ts";
import { statusOf } from "./gather_status.ts";
import { happeningsOf, type MeshParts } from "./happenings.ts";
import { reachOf } from "./reach.ts";
import { RunningHost } from "./running_host.ts";
import type { MeshStatus } from "./status.ts";

/** Milliseconds that `ready()` and `status()` wait for the status of agents. */
const STATUS_LIMIT_MS = 1000;

/** A mesh from its start to its close. */
export class RunningMesh implements Mesh {
  readonly manifest: Manifest;
  readonly #hosts = new Map<string, RunningHost>();
  readonly #transports: ReadonlyMap<string, Transport>;
  readonly #parts: MeshParts;
  readonly #clock: Clock;
  /** The time of the start, in milliseconds of the clock. */
  readonly #since: number;
  readonly #listeners = new Set<(event: MeshEvent) => void>();
  #closed: Promise<void> | undefined;

  /** Starts the mesh. */
  constructor(
    manifest: Manifest,
    transports: ReadonlyMap<string, Transport>,
    options: MeshOptions,
  ) {
    this.manifest = manifest;
    this.#transports = transports;
    learnDescriptorLimit();
    if (options.onEvent) this.#listeners.add(options.onEvent);
    const clock = this.#clock = options.clock ?? systemClock;
    const now = () => clock.now();
    this.#since = now();
    const router = new Router(rulesOf(manifest), {
      now,
      pace: paceOf(clock),
      seed: Math.trunc(clock.random() * 2 ** 32),
    });
    const emit = (event: MeshEvent) => this.#emit(event);
    const connections = options.connections
      ? connectionsOf({ router, now, emit })
      : undefined;
    this.#parts = { manifest, router, connections, hosts: this.#hosts, emit };
    for (const spec of manifest.hosts) this.#hosts.set(spec.name, this.#host(spec));
    for (const name of this.#hosts.keys()) router.starting(name);
    for (const { session } of this.#hosts.values()) session.start();
  }

  get hosts(): ReadonlyMap<string, RunningHost> {
    return this.#hosts;
  }

  get counters(): Readonly<RouteCounters> {
    return this.#parts.router.counters;
  }

  async status({ ms = STATUS_LIMIT_MS }: StatusOptions = {}): Promise<MeshStatus> {
    const hosts = [...this.#hosts.values()];
    await this.#within(ms, hosts.map((host) => host.refresh()));
    const { router } = this.#parts;
    return statusOf({ hosts, router, now: this.#clock.now(), since: this.#since });
  }

  subscribe(listener: (event: MeshEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async ready(): Promise<ReadyReport> {
    const hosts = [...this.#hosts.values()];
    const failures = await Promise.all(hosts.map((host) => host.firstVerdict));
    const failed = hosts.flatMap((host, index) => {
      const message = failures[index];
      return message === undefined ? [] : [{ host, message }];
    });
    const ready = hosts.filter((_, index) => failures[index] === undefined);
    // Wait for the listeners of ready hosts, with a limit: an agent may not tell.
    await this.#within(STATUS_LIMIT_MS, ready.map(({ report }) => report.first));
    return { ok: failed.length === 0, ready, failed };
  }

  close(): Promise<void> {
    return this.#closed ??= (async () => {
      await Promise.all([...this.#hosts.values()].map((host) => host.close()));
    })();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #emit(event: MeshEvent): void {
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

  /** A host that is not started yet. */
  #host(spec: HostSpec): RunningHost {
    const { name, connectTimeout } = spec;
    const { manifest } = this;
    const { router, connections, emit } = this.#parts;
    const counters = policeCounters();
    const tap = connections?.tap(name);
    const { command, open } = reachOf(spec, this.#transports);
    const extend = extendArgs(manifest, spec);
    const host: RunningHost = new RunningHost({
      spec,
      plan: {
        host: name,
        command,
        configure: configureArgs(manifest, spec),
        ...(extend && { extend }),
        needed: neededFeatures(manifest, spec),
        connectTimeout,
        clock: this.#clock,
        open,
        carry: (batches, onControl) =>
          carry(router, batches, {
            from: name,
            counters,
            tap,
            onControl,
            onDropped: (bytes) => host.packets.add(bytes),
          }),
      },
      police: counters,
      hooks: (host) => happeningsOf(host, this.#parts),
      warn: emit,
    });
    return host;
  }
}
