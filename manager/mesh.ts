/**
 * The mesh: a manifest in; links, router and the agent of this machine up.
 *
 * @module
 */

import { openInstalled } from "../install/open.ts";
import { describeReach, isInstalled } from "../install/reach.ts";
import { Uploads } from "../install/uploads.ts";
import config from "../deno.json" with { type: "json" };
import { formatDiagnostic, formatPosition } from "../manifest/diagnostic.ts";
import { loadManifest } from "../manifest/load.ts";
import {
  type HostSpec,
  type Manifest,
  manifestFromObject,
} from "../manifest/manifest.ts";
import { readWithPlugins } from "../manifest/plugins.ts";
import { police, type PoliceCounters, policeCounters } from "../router/police.ts";
import { type RouteCounters, Router } from "../router/route.ts";
import { RoutingTable } from "../router/table.ts";
import type { Link, OpenContext, Transport } from "../transports/mod.ts";
import { PluginSet } from "../transports/plugin.ts";
import { builtinTransports } from "../transports/registry.ts";
import {
  type AgentStatus,
  encodeControl,
  type RouteSuggestion,
} from "../wire/control.ts";
import { formatIpv4, parseIpv4 } from "../wire/ipv4.ts";
import type { AttemptPlan } from "./attempt.ts";
import { type Clock, systemClock } from "./clock.ts";
import { configureArgs, extendArgs, neededFeatures } from "./configure.ts";
import type { MeshEvent } from "./events.ts";
import { describeProgress } from "./progress.ts";
import { listenerFailed } from "./listeners.ts";
import { openLocalAgent } from "./local.ts";
import { type Failure, type HostState, type Readiness, Session } from "./session.ts";

/** Options of {@linkcode startMesh}. */
export interface MeshOptions {
  /** Called with each event from the very start. What it throws is reported as uncaught. */
  readonly onEvent?: (event: MeshEvent) => void;
  /** Further transports; one with the name of a built-in one takes its place. */
  readonly transports?: readonly Transport[];
  /**
   * Plug-ins from elsewhere, by URL, that the manifest may name without locking them. A
   * manifest that was parsed before has to come with the `transports` it was parsed with.
   */
  readonly allowPlugins?: readonly string[];
  /** Time and chance, for tests. */
  readonly clock?: Clock;
}

/** One host of a running mesh; its fields are as of now. */
export interface MeshHost {
  /** Its name in the manifest. */
  readonly name: string;
  /** Its virtual IPv4 address, dotted. */
  readonly vip: string;
  /** What is run to reach it, or `the agent in this process`. */
  readonly command: string;
  /** What it is doing. */
  readonly state: HostState;
  /** The version its agent says; undefined unless ready. */
  readonly version: string | undefined;
  /** What its agent can do; empty unless ready. */
  readonly features: readonly string[];
  /** Failures in a row. */
  readonly failures: number;
  /** What went wrong last, while it is down. */
  readonly lastFailure: string | undefined;
  /** Frames that its link's police let pass or dropped, by reason. */
  readonly police: Readonly<PoliceCounters>;
}

/** Whether a mesh came up. */
export interface ReadyReport {
  /** Whether every host is ready. */
  readonly ok: boolean;
  /** The hosts that are ready. */
  readonly ready: readonly MeshHost[];
  /** The hosts whose first attempt failed, and why; they are tried again. */
  readonly failed: readonly {
    /** The host. */
    readonly host: MeshHost;
    /** What went wrong. */
    readonly message: string;
  }[];
}

/** A running mesh. Disposing of it closes it. */
export interface Mesh extends AsyncDisposable {
  /** What it was started from. */
  readonly manifest: Manifest;
  /** Its hosts by name, in the manifest's order. */
  readonly hosts: ReadonlyMap<string, MeshHost>;
  /** What became of packets so far, in frames. */
  readonly counters: Readonly<RouteCounters>;
  /** Calls `listener` with each event from now on, until the function returned is called. */
  subscribe(listener: (event: MeshEvent) => void): () => void;
  /** Settles when each host became ready or failed for the first time. Never rejects. */
  ready(): Promise<ReadyReport>;
  /** Ends every agent and settles, within 2 s, when all is gone. May be called again. */
  close(): Promise<void>;
}

/**
 * Starts a mesh. It resolves as soon as the manifest is found right; `ready()` of the mesh
 * tells when its hosts are.
 *
 * @param manifest a path, a manifest as an object in the shape of the YAML, or one parsed
 * before.
 * @throws {ManifestError} with everything that is wrong with the manifest.
 */
export async function startMesh(
  manifest: string | Manifest | Readonly<Record<string, unknown>>,
  options: MeshOptions = {},
): Promise<Mesh> {
  const transports = new Map(builtinTransports);
  for (const transport of options.transports ?? []) {
    transports.set(transport.name, transport);
  }
  if (isParsed(manifest)) return new RunningMesh(manifest, transports, options);
  const plugins = new PluginSet({ allowed: options.allowPlugins ?? [] });
  const parsed = typeof manifest === "string"
    ? await loadManifest(manifest, { transports, plugins })
    : await readWithPlugins(".", plugins, (findPlugin) =>
      manifestFromObject(manifest, {
        path: "manifest",
        transports,
        env: (name) => Deno.env.get(name),
        ...(findPlugin && { findPlugin }),
      }));
  for (const plugin of plugins.transports) transports.set(plugin.name, plugin);
  for (const warning of parsed.warnings) {
    options.onEvent?.({
      type: "manifest",
      level: "warn",
      at: formatPosition(warning.at),
      message: formatDiagnostic(warning),
    });
  }
  return new RunningMesh(parsed, transports, options);
}

/** In the YAML's shape `hosts` is an object. */
function isParsed(manifest: unknown): manifest is Manifest {
  return typeof manifest === "object" && manifest !== null && "hosts" in manifest &&
    Array.isArray(manifest.hosts);
}

class RunningMesh implements Mesh {
  readonly manifest: Manifest;
  readonly hosts: ReadonlyMap<string, RunningHost>;
  readonly #table: RoutingTable;
  readonly #router: Router;
  readonly #listeners = new Set<(event: MeshEvent) => void>();
  #closed: Promise<void> | undefined;

  constructor(
    manifest: Manifest,
    transports: ReadonlyMap<string, Transport>,
    options: MeshOptions,
  ) {
    this.manifest = manifest;
    if (options.onEvent) this.#listeners.add(options.onEvent);
    this.#table = new RoutingTable(manifest.hosts, manifest.routes);
    const clock = options.clock ?? systemClock;
    this.#router = new Router(this.#table, {
      now: () => clock.now(),
      seed: Math.trunc(clock.random() * 2 ** 32),
    });
    this.hosts = new Map(
      manifest.hosts.map((spec) => [
        spec.name,
        this.#host(spec, transports, clock),
      ]),
    );
    for (const { name } of manifest.hosts) this.#router.starting(name);
    for (const { session } of this.hosts.values()) session.start();
  }

  get counters(): Readonly<RouteCounters> {
    return this.#router.counters;
  }

  subscribe(listener: (event: MeshEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async ready(): Promise<ReadyReport> {
    const hosts = [...this.hosts.values()];
    const failures = await Promise.all(hosts.map((host) => host.firstVerdict));
    const failed = hosts.flatMap((host, index) => {
      const message = failures[index];
      return message === undefined ? [] : [{ host, message }];
    });
    const ready = hosts.filter((_, index) => failures[index] === undefined);
    return { ok: failed.length === 0, ready, failed };
  }

  close(): Promise<void> {
    return this.#closed ??= (async () => {
      await Promise.all([...this.hosts.values()].map((host) => host.close()));
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
        // Its author's mistake must not change what the mesh does.
        reportError(error);
      }
    }
  }

  #host(
    spec: HostSpec,
    transports: ReadonlyMap<string, Transport>,
    clock: Clock,
  ): RunningHost {
    const { name } = spec;
    const reach = this.#reach(spec, transports);
    const policed = policeCounters();
    const judge = police({
      admits: (packet, at) => this.#router.admits(name, packet, at),
      onForged: (frame) => this.#router.disown(name, frame),
      counters: policed,
    });
    const extend = extendArgs(this.manifest, spec);
    const plan: AttemptPlan = {
      host: name,
      command: reach.command,
      configure: configureArgs(this.manifest, spec),
      ...(extend && { extend }),
      needed: neededFeatures(this.manifest, spec),
      connectTimeout: spec.connectTimeout,
      clock,
      open: reach.open,
      carry: (batches, onControl) => this.#router.run(name, judge(batches), onControl),
    };
    const session: Session = new Session(plan, {
      ready: (readiness) => this.#ready(host, readiness),
      down: () => this.#down(host),
      report: (failure) => this.#report(host, failure),
      suggestion: (suggestion) => this.#learn(name, suggestion),
      status: (status) => this.#status(spec, status),
      output: (stream, line) =>
        this.#emit({
          type: "output",
          level: stream === "stderr" && line.startsWith("warning: ") ? "warn" : "info",
          host: name,
          stream,
          line,
          message: `${name}: ${line}`,
        }),
      progress: (progress) =>
        this.#emit({
          type: "progress",
          level: "info",
          host: name,
          ...progress,
          message: `${name}: ${describeProgress(progress)}`,
        }),
    });
    const host = new RunningHost(spec, plan, session, policed);
    return host;
  }

  #reach(
    spec: HostSpec,
    transports: ReadonlyMap<string, Transport>,
  ): { command: string; open(context: OpenContext): Promise<Link> } {
    const { name, transport: chosen, install } = spec;
    if (!chosen) {
      return {
        command: "the agent in this process",
        open: (context) => openLocalAgent(context, config.version),
      };
    }
    const transport = transports.get(chosen.name);
    if (!transport) throw new Error(`No transport "${chosen.name}" for host "${name}"`);
    const uploads = new Uploads();
    return {
      command: describeReach(transport, chosen.options, install),
      open: (context) =>
        !isInstalled(transport, chosen.options, install)
          ? transport.open(chosen.options, context)
          : openInstalled(transport, chosen.options, {
            mode: install,
            path: spec.installPath,
            uploads,
          }, context),
    };
  }

  #ready(host: RunningHost, { agent, queue, ms, again }: Readiness): void {
    const { name, vip } = host;
    this.#router.up(name, queue);
    const after = `${(ms / 1000).toFixed(2)} s`;
    this.#emit({
      type: "ready",
      level: "info",
      host: name,
      vip,
      ms,
      again,
      version: agent.version,
      features: agent.features,
      message: again
        ? `Ready again: ${name} (${vip}) after ${after}`
        : `Ready: ${name} (${vip}) after ${after}`,
    });
    const lacking = host.plan.needed.wanted.filter((feature) =>
      !agent.features.includes(feature)
    );
    if (lacking.length > 0 && !again) {
      this.#emit({
        type: "warning",
        level: "warn",
        host: name,
        message: `The agent of "${name}" (version ${agent.version || "unknown"}) ` +
          `lacks what ${formatPosition(host.spec.at)} asks for: ${lacking.join(", ")}`,
      });
    }
    host.verdict(undefined);
  }

  #down(host: RunningHost): void {
    const { name, vip } = host;
    this.#router.down(name);
    this.#table.forget(name);
    // No ranges: two hosts may serve the same, so the router itself has reset the routed
    // connections that went through this one.
    const message = encodeControl({
      type: "event",
      body: { type: "hostDown", data: { ip: vip, ranges: [] } },
    });
    for (const other of this.hosts.values()) {
      if (other !== host) other.session.send("hostDown", message);
    }
  }

  #report(host: RunningHost, failure: Failure): void {
    const { attempt, retryIn, end } = failure;
    host.lastFailure = failure.message;
    host.verdict(failure.message);
    if (!failure.isTold) return;
    const again = `trying again in ${(retryIn / 1000).toFixed(1)} s`;
    this.#emit({
      type: "down",
      level: "error",
      host: host.name,
      vip: host.vip,
      command: host.plan.command,
      attempt,
      retryIn,
      ...(end.exit && { exit: end.exit }),
      message: attempt === 1
        ? `${failure.message}; ${again}`
        : `${failure.message}; failure ${attempt} in a row, ${again}`,
    });
  }

  #learn(from: string, { ip, route }: RouteSuggestion): void {
    this.#table.learn(from, ip.map((address) => parseIpv4(address)!), parseIpv4(route)!);
  }

  #status(spec: HostSpec, { listeners }: AgentStatus): void {
    for (const listener of listeners) {
      if (listener.error) this.#emit(listenerFailed(this.manifest, spec, listener));
    }
  }
}

class RunningHost implements MeshHost {
  readonly spec: HostSpec;
  readonly plan: AttemptPlan;
  readonly session: Session;
  readonly police: Readonly<PoliceCounters>;
  readonly vip: string;
  /** The message of the first failure, or nothing if the host became ready first. */
  readonly firstVerdict: Promise<string | undefined>;
  /** Settles the first verdict; later ones change nothing. */
  readonly verdict: (failure: string | undefined) => void;
  #lastFailure: string | undefined;

  constructor(
    spec: HostSpec,
    plan: AttemptPlan,
    session: Session,
    police: Readonly<PoliceCounters>,
  ) {
    this.spec = spec;
    this.plan = plan;
    this.session = session;
    this.police = police;
    this.vip = formatIpv4(spec.vip);
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.firstVerdict = promise;
    this.verdict = resolve;
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

  get lastFailure(): string | undefined {
    return this.state === "down" ? this.#lastFailure : undefined;
  }

  set lastFailure(message: string) {
    this.#lastFailure = message;
  }

  async close(): Promise<void> {
    await this.session.close();
    this.verdict(`"${this.name}" was closed before it became ready`);
  }
}
