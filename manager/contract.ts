/**
 * The contract of a mesh with the program that starts it: options, hosts, and readiness.
 *
 * @module
 */

import type { Clock } from "../link/clock.ts";
import type { HostRule } from "../manifest/added_rules.ts";
import type { Manifest } from "../manifest/manifest.ts";
import type { PoliceCounters } from "../router/police.ts";
import type { RouteCounters } from "../router/counters.ts";
import type { Transport } from "../transports/mod.ts";
import type { LostEvent } from "./event_stream.ts";
import type { MeshEvent } from "./events.ts";
import type { MeshChange } from "./reload/change.ts";
import type { MeshRules } from "./reload/live_rules.ts";
import type { Echo, PingOptions } from "./echo.ts";
import type { HostState } from "./session.ts";
import type { MeshStatus, ResumeStatus } from "./status.ts";

/** Options of `startMesh`. */
export interface MeshOptions {
  /** Called with each event from the start. Thrown errors are reported as uncaught. */
  readonly onEvent?: (event: MeshEvent) => void;
  /** Further transports; a built-in transport of the same name is replaced. */
  readonly transports?: readonly Transport[];
  /**
   * Plug-ins from elsewhere, by URL, that the manifest may name without locking them. A
   * manifest that was parsed before has to come with the `transports` it was parsed with.
   */
  readonly allowPlugins?: readonly string[];
  /**
   * Whether a {@linkcode ConnectionEvent} tells when a connection between hosts is
   * accepted and when the connection ends. Off by default, at no cost.
   */
  readonly connections?: boolean;
  /**
   * A file that keeps the secrets by which agents are taken back after this program was
   * killed. It is made if absent, for this user only, and has to be nobody else's.
   */
  readonly state?: string;
  /**
   * Names the mesh among those of this user on this machine: an agent that the same mesh
   * left on a host when it was killed makes way for the next. Default: the manifest's path;
   * for an object, no name of before.
   */
  readonly name?: string;
  /** Rules besides those of the manifest, as if they were added at the start. */
  readonly rules?: readonly HostRule[];
  /** Time and chance, for tests. */
  readonly clock?: Clock;
}

/** A host of a running mesh; its fields are as of now. */
export interface MeshHost {
  /** Its name in the manifest. */
  readonly name: string;
  /** Its virtual IPv4 address, dotted. */
  readonly vip: string;
  /** The command that reaches the host, or `the agent in this process`. */
  readonly command: string;
  /** The host's state. */
  readonly state: HostState;
  /** The version its agent says; undefined unless ready. */
  readonly version: string | undefined;
  /** The features of its agent; empty unless ready. */
  readonly features: readonly string[];
  /** Failures in a row. */
  readonly failures: number;
  /** Whether its agent stays when its link is gone; undefined unless ready or away. */
  readonly resume: ResumeStatus | undefined;
  /** The last failure, while the host is away or down. */
  readonly lastFailure: string | undefined;
  /** Addresses, each `address:port`, on which its agent was to listen and does not. */
  readonly failedListeners: readonly string[];
  /** Frames that its link's police let pass or dropped, by reason. */
  readonly police: Readonly<PoliceCounters>;
  /** Control messages dropped: too many came, or they answered no request. */
  readonly droppedControls: number;
  /** Lines of text from the host that were left out, since there were too many. */
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
    /** The failure, in words. */
    readonly message: string;
  }[];
}

/** Options of {@linkcode Mesh.status}. */
export interface StatusOptions {
  /** Milliseconds to wait for agents. Default 1000. */
  readonly ms?: number;
}

/** Options of {@linkcode Mesh.events}. */
export interface EventsOptions {
  /** Events that wait for the reader at most. Default 1000. */
  readonly limit?: number;
}

/** A running mesh. Disposing closes the mesh. */
export interface Mesh extends AsyncDisposable {
  /** The manifest in force. */
  readonly manifest: Manifest;
  /** Its hosts by name, in the manifest's order. */
  readonly hosts: ReadonlyMap<string, MeshHost>;
  /** The rules of its hosts, of which some may come and go. */
  readonly rules: MeshRules;
  /** Fates of packets so far, in frames. */
  readonly counters: Readonly<RouteCounters>;
  /**
   * The state and the counters of the mesh and its agents at the moment, as plain data.
   * Agents are asked for theirs; of an agent that has not answered within `options.ms` the
   * last answer counts. Never rejects, and may be called after a close.
   */
  status(options?: StatusOptions): Promise<MeshStatus>;
  /**
   * Sends an echo through the stacks to a host, and resolves with what came of it: the round
   * trip and that of each hop, or why there is no answer.
   *
   * @param host a name, an alias or a VIP.
   * @throws {RangeError} if an option is out of its range.
   * @throws {Error} if there is no such host, or 256 echoes are under way.
   */
  ping(host: string, options?: PingOptions): Promise<Echo>;
  /**
   * Goes by another manifest: hosts come and go, and what did not change goes on with its
   * connections. Resolves with what changed as soon as the manifest is in force; hosts that
   * are new become ready later. Updates happen in the order of the calls.
   *
   * A host whose manifest leaves its address to the mesh keeps the address it has. A parsed
   * manifest has to come with the transports of the start.
   *
   * @param manifest a path, an object in the shape of the YAML, or a parsed manifest.
   * @throws {ManifestError} with every fault of the manifest, and nothing has changed.
   * @throws {Error} if the mesh was closed.
   */
  update(
    manifest: string | Manifest | Readonly<Record<string, unknown>>,
  ): Promise<MeshChange>;
  /**
   * The events from now on, to be read one by one until the mesh is closed or the reader
   * stops. A reader that does not keep up loses the oldest of those that wait, and reads a
   * {@linkcode LostEvent} in their place.
   */
  events(options?: EventsOptions): AsyncIterableIterator<MeshEvent | LostEvent>;
  /** Calls `listener` with each event from now on, until the function returned is called. */
  subscribe(listener: (event: MeshEvent) => void): () => void;
  /** Settles when each host became ready or failed for the first time. Never rejects. */
  ready(): Promise<ReadyReport>;
  /** Ends every agent and settles, within 2 s, when all is gone. May be called again. */
  close(): Promise<void>;
}
