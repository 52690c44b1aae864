/**
 * The mesh: a manifest in; links, router and the agent of this machine up.
 *
 * @module
 */

import { openInstalled } from "../install/open.ts";
import { describeReach, isInstalled } from "../install/reach.ts";
import { Uploads } from "../install/uploads.ts";
import config from "../deno.json" with { type: "json" };
import { formatDiagnostic, formatPosition } from "../manifest/source/diagnostic.ts";
import { loadManifest } from "../manifest/load.ts";
import type { HostSpec, Manifest } from "../manifest/manifest.ts";
import { manifestFromObject } from "../manifest/parse.ts";
import { readWithPlugins } from "../manifest/plugins.ts";
import type { Connections } from "../router/connections.ts";
import { police, type PoliceCounters, policeCounters } from "../router/police.ts";
import { type RouteCounters, Router } from "../router/route.ts";
import { chain } from "../router/stage.ts";
import { RoutingTable } from "../router/table.ts";
import { tap } from "../router/tap.ts";
import { learnDescriptorLimit } from "../transports/command/descriptor_limit.ts";
import type { Link, OpenContext, Transport } from "../transports/mod.ts";
import { PluginSet } from "../transports/plugins/load.ts";
import { builtinTransports } from "../transports/registry.ts";
import {
  type AgentStatus,
  encodeControl,
  type RouteSuggestion,
} from "../wire/control.ts";
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import type { AttemptPlan } from "./attempt.ts";
import { type Clock, paceOf, systemClock } from "../link/clock.ts";
import { connectionsOf } from "./connections.ts";
import { configureArgs, extendArgs, neededFeatures } from "./configure.ts";
import { lackingFeature } from "./lacking.ts";
import type { MeshEvent } from "./events.ts";
import { Excess } from "./excess.ts";
import { HostText, TEXT_LIMITS } from "./host_text.ts";
import { describeProgress } from "./progress.ts";
import { withFreeVips } from "./free_vips.ts";
import { listenersFailed, listenersUp } from "./listeners.ts";
import { openLocalAgent } from "./local.ts";
import { type Failure, type HostState, type Readiness, Session } from "./session.ts";

/** How long `ready()` waits for an agent that is ready to tell its listeners. */
const STATUS_LIMIT_MS = 1000;

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
  /**
   * Whether there is a {@linkcode ConnectionEvent} for each connection between hosts when
   * it is accepted and when it ends. Off by default; then it costs nothing.
   */
  readonly connections?: boolean;
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
  /** Addresses, each `address:port`, on which its agent was to listen and does not. */
  readonly failedListeners: readonly string[];
  /** Frames that its link's police let pass or dropped, by reason. */
  readonly police: Readonly<PoliceCounters>;
  /** Control messages dropped: too many came, or they answered what nobody had asked. */
  readonly droppedControls: number;
  /** Lines of text from it that were left out, since there were too many. */
  readonly droppedLines: number;
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
  return new RunningMesh(withFreeVips(parsed), transports, options);
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
  readonly #clock: Clock;
  readonly #listeners = new Set<(event: MeshEvent) => void>();
  readonly #connections: Connections | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    manifest: Manifest,
    transports: ReadonlyMap<string, Transport>,
    options: MeshOptions,
  ) {
    this.manifest = manifest;
    learnDescriptorLimit();
    if (options.onEvent) this.#listeners.add(options.onEvent);
    this.#table = new RoutingTable(manifest.hosts, manifest.routes);
    const clock = this.#clock = options.clock ?? systemClock;
    this.#router = new Router(this.#table, {
      now: () => clock.now(),
      pace: paceOf(clock),
      seed: Math.trunc(clock.random() * 2 ** 32),
    });
    if (options.connections) {
      this.#connections = connectionsOf({
        table: this.#table,
        router: this.#router,
        now: () => clock.now(),
        emit: (event) => this.#emit(event),
      });
    }
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
    // So that the listeners of those that are ready are known; an agent may not tell.
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(STATUS_LIMIT_MS, resolve);
    await Promise.race([late, Promise.all(ready.map((host) => host.statusKnown))]);
    cancel();
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
    const connections = this.#connections;
    const stages = connections
      ? chain(judge, tap((frame) => connections.see(name, frame)))
      : judge;
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
      carry: (batches, onControl) => this.#router.run(name, stages(batches), onControl),
    };
    const session: Session = new Session(plan, {
      ready: (readiness) => this.#ready(host, readiness),
      down: () => this.#down(host),
      report: (failure) => this.#report(host, failure),
      suggestion: (suggestion) => this.#learn(name, suggestion),
      status: (status) => this.#status(host, status),
      listenersUp: (status) => this.#listenersUp(host, status),
      excess: (bytes) => host.controls.add(bytes),
      output: (stream, line) => {
        if (!host.text.admits(line)) return;
        this.#emit({
          type: "output",
          level: stream === "stderr" && line.startsWith("warning: ") ? "warn" : "info",
          host: name,
          stream,
          line,
          message: `${name}: ${line}`,
        });
      },
      asking: (isAsking) =>
        this.#emit({
          type: "question",
          level: isAsking ? "info" : "debug",
          host: name,
          isAsking,
          message: isAsking
            ? `${name} asks on the terminal`
            : `${name} asks nothing on the terminal any more`,
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
    const warn = (message: string) =>
      this.#emit({ type: "warning", level: "warn", host: name, message });
    const host = new RunningHost(session, {
      spec,
      plan,
      police: policed,
      text: new HostText(clock, (lines, characters) =>
        warn(
          `${lines} lines from "${name}" (${characters} characters) were left out: ` +
            `more than ${TEXT_LIMITS.pieces.perSecond} lines or ` +
            `${TEXT_LIMITS.bytes.perSecond} characters a second came on the long run`,
        )),
      controls: new Excess(clock, (messages, bytes) =>
        warn(
          `${messages} control messages from "${name}" (${bytes} bytes) were dropped: ` +
            `they came too fast, or answered what nobody had asked`,
        )),
    });
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
    if (!again) {
      const who = `the agent of "${name}" (version ${agent.version || "unknown"})`;
      for (const feature of lacking) {
        const message = lackingFeature(this.manifest, host.spec, { feature, who });
        this.#emit({ type: "warning", level: "warn", host: name, message });
      }
    }
    host.verdict(undefined);
    if (!agent.features.includes("status")) host.tellStatusKnown();
  }

  #down(host: RunningHost): void {
    const { name, vip } = host;
    this.#router.down(name);
    this.#connections?.down(name);
    this.#table.forget(name);
    host.forgetStatus();
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
    const again = `trying again in ${(retryIn / 1000).toFixed(1)} s`;
    this.#emit({
      type: "down",
      level: failure.isTold ? "error" : "debug",
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

  #status(host: RunningHost, { listeners, machine }: AgentStatus): void {
    host.machine = machine;
    host.failedListeners = listeners.filter(({ error }) => error)
      .map(({ address }) => address);
    const others = [...this.hosts.values()].filter((other) =>
      other !== host && !other.spec.loopback.disable && other.state === "ready"
    );
    const told = { listeners, machine, others };
    for (const event of listenersFailed(this.manifest, host.spec, told)) {
      if (host.text.admits(event.message)) this.#emit(event);
    }
    host.tellStatusKnown();
  }

  #listenersUp(host: RunningHost, { listeners }: AgentStatus): void {
    // Only what it told had failed, so that nobody can fill the log.
    const up = listeners.filter(({ address }) => host.failedListeners.includes(address));
    host.failedListeners = host.failedListeners.filter((failed) =>
      !up.some(({ address }) => address === failed)
    );
    const event = listenersUp(host.name, up);
    if (event && host.text.admits(event.message)) this.#emit(event);
  }
}

/** What a running host is made of, beside its session. */
interface HostParts {
  readonly spec: HostSpec;
  readonly plan: AttemptPlan;
  readonly police: Readonly<PoliceCounters>;
  /** The lines it may say. */
  readonly text: HostText;
  /** Control messages that were dropped. */
  readonly controls: Excess;
}

class RunningHost implements MeshHost {
  readonly spec: HostSpec;
  readonly plan: AttemptPlan;
  readonly session: Session;
  readonly police: Readonly<PoliceCounters>;
  readonly text: HostText;
  readonly controls: Excess;
  readonly vip: string;
  /** The message of the first failure, or nothing if the host became ready first. */
  readonly firstVerdict: Promise<string | undefined>;
  /** Settles the first verdict; later ones change nothing. */
  readonly verdict: (failure: string | undefined) => void;
  /** Settles when its agent told its listeners for the first time, or will not. */
  readonly statusKnown: Promise<void>;
  readonly tellStatusKnown: () => void;
  failedListeners: readonly string[] = [];
  /** What its agent says of its machine. */
  machine: string | undefined;
  #lastFailure: string | undefined;

  constructor(session: Session, { spec, plan, police, text, controls }: HostParts) {
    this.spec = spec;
    this.plan = plan;
    this.session = session;
    this.police = police;
    this.text = text;
    this.controls = controls;
    this.vip = formatIpv4(spec.vip);
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.firstVerdict = promise;
    this.verdict = resolve;
    const status = Promise.withResolvers<void>();
    this.statusKnown = status.promise;
    this.tellStatusKnown = status.resolve;
  }

  /** Its agent is gone. */
  forgetStatus(): void {
    this.failedListeners = [];
    this.machine = undefined;
    this.tellStatusKnown();
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

  get droppedControls(): number {
    return this.controls.total;
  }

  get droppedLines(): number {
    return this.text.leftOut;
  }

  get lastFailure(): string | undefined {
    return this.state === "down" ? this.#lastFailure : undefined;
  }

  set lastFailure(message: string) {
    this.#lastFailure = message;
  }

  async close(): Promise<void> {
    await this.session.close();
    this.text.close();
    this.controls.flush();
    this.verdict(`"${this.name}" was closed before it became ready`);
  }
}
