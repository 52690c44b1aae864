/**
 * The events of a mesh: a type for each fact that a user or a program wants to know. Each
 * event carries its facts as fields and a message that reads alone.
 *
 * @module
 */

import type { LinkExit } from "../transports/mod.ts";
import type { MeshChange } from "./reload/change.ts";
import type { ResumeStatus } from "./status.ts";

/** The fields of all events. */
export interface EventBase {
  /**
   * The importance: `error` needs the user, `warn` may, `info` is the normal course,
   * `debug` is for developers.
   */
  readonly level: "error" | "warn" | "info" | "debug";
  /** A line for people, complete without the other fields. */
  readonly message: string;
}

/**
 * A host's agent has answered: connections to its VIP are carried. For `debug` if the host
 * was away or down and no event said so that is not for `debug` itself.
 */
export interface HostReadyEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "ready";
  /** The host's name in the manifest. */
  readonly host: string;
  /** Its virtual IPv4 address, dotted. */
  readonly vip: string;
  /** Milliseconds since the first attempt began; later, since the host went away or down. */
  readonly ms: number;
  /** True when the host was away or down before. */
  readonly again: boolean;
  /**
   * True when the host's agent is the one of before, and connections between agents that
   * stayed go on.
   */
  readonly resumed: boolean;
  /** Whether its agent stays when its link is gone. */
  readonly resume: ResumeStatus;
  /** The agent's version, as it says. */
  readonly version: string;
  /** The features that the agent announced. */
  readonly features: readonly string[];
}

/**
 * A link could not be opened, or ended, or was given up. Its connections have ended, and
 * the host is tried again. After the third failure in a row at most one event a minute is
 * an `error`; the others are for `debug`.
 */
export interface HostDownEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "down";
  /** The host's name in the manifest. */
  readonly host: string;
  /** Its virtual IPv4 address, dotted. */
  readonly vip: string;
  /** The command or address of the link: for `cmd`, the command. */
  readonly command: string;
  /** Failures in a row, counted from 1. */
  readonly attempt: number;
  /** Milliseconds until the next attempt. */
  readonly retryIn: number;
  /** Why, in one line, without the next attempt. */
  readonly reason: string;
  /** How the command, or another kind of link, ended; absent if never started. */
  readonly exit?: LinkExit;
}

/**
 * The link to a host ended, and its agent stays: its connections go on if it is reached
 * again in time, which is tried until then. Also told of attempts that failed; as for
 * {@linkcode HostDownEvent}, not all of them are a `warn`.
 */
export interface HostAwayEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "away";
  /** The host's name in the manifest. */
  readonly host: string;
  /** Its virtual IPv4 address, dotted. */
  readonly vip: string;
  /** The command or address of the link: for `cmd`, the command. */
  readonly command: string;
  /** Failures in a row, counted from 1: the end of the link is the first. */
  readonly attempt: number;
  /** Milliseconds until the next attempt. */
  readonly retryIn: number;
  /** Milliseconds that its agent stays, from now on. */
  readonly left: number;
  /** Why, in one line, without the next attempt. */
  readonly reason: string;
  /** How the command, or another kind of link, ended; absent if never started. */
  readonly exit?: LinkExit;
}

/**
 * A host was ended because of another manifest, and nothing is left of its agent. Not told
 * at the end of the mesh.
 */
export interface HostClosedEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "closed";
  /** The host's name in the manifest. */
  readonly host: string;
  /** Its virtual IPv4 address, dotted, up to its end. */
  readonly vip: string;
  /** Whether the manifest in force has a host of that name, which starts now. */
  readonly startsAnew: boolean;
}

/**
 * A line of text from a host's command, or from the agent in the manager's process. Its
 * level is `warn` for an agent's warning, which begins with `warning: `.
 */
export interface HostOutputEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "output";
  /** The host's name in the manifest. */
  readonly host: string;
  /** `stderr`, or `banner`: text on the link itself before the first frame, such as a login's greeting. */
  readonly stream: "stderr" | "banner";
  /** The line without its end; `message` is the same with the host in front. */
  readonly line: string;
}

/**
 * A warning about the manifest, which is no error but may explain an error. Only for a
 * manifest that `startMesh` itself read, and for what a changed one has new.
 */
export interface ManifestWarningEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "manifest";
  /** Where, `mesh.yaml:12:7`; `message` begins with it. */
  readonly at: string;
}

/** Something on a host is not as the manifest wants it, and the mesh runs without. */
export interface HostWarningEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "warning";
  /** The host's name in the manifest. */
  readonly host: string;
}

/** An address on which an agent was to listen, and cannot. The rest of the mesh runs. */
export interface ListenerFailedEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "listenerFailed";
  /** The host on which the listener was to be. */
  readonly host: string;
  /** `address:port`. */
  readonly address: string;
  /** The purpose of the listener; `dns` is a name server, `egress` leads into the mesh. */
  readonly kind: "loopback" | "http" | "socks" | "dns" | "egress";
  /** Such as `EADDRINUSE`. */
  readonly code: string;
  /** Where the manifest asks for the listener, `mesh.yaml:12:7`, if anywhere. */
  readonly at?: string;
  /** Advice for the user, if there is any. */
  readonly hint?: string;
}

/**
 * Addresses of the mesh on which an agent cannot listen because somebody else does: another
 * mesh, or another host of this mesh on the same machine.
 */
export interface AddressesTakenEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "addressesTaken";
  /** The host that was to listen. */
  readonly host: string;
  /** The listeners, each `address:port`. */
  readonly addresses: readonly string[];
  /** Where the manifest has the host, `mesh.yaml:12:7`. */
  readonly at: string;
  /** The host of this mesh on the same machine that has the addresses, if any. */
  readonly sameMachine?: string;
  /** Advice for the user. */
  readonly hint: string;
}

/** Listeners that had failed are up: an agent tries again by itself. */
export interface ListenersUpEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "listenersUp";
  /** The host that listens. */
  readonly host: string;
  /** The listeners, each `address:port`. */
  readonly addresses: readonly string[];
}

/**
 * A host's command asks the user something on the terminal, as ssh does for a passphrase; or it
 * does so no more. Other hosts wait, and output to the terminal meanwhile covers the
 * question. Noticed on Linux only.
 */
export interface QuestionEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "question";
  /** The host's name in the manifest. */
  readonly host: string;
  /** Whether the command asks from now on, or no more. */
  readonly isAsking: boolean;
}

/** Progress of an upload to a host: at the start, at the end, and 5 times a second. */
export interface ProgressEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "progress";
  /** The host's name in the manifest. */
  readonly host: string;
  /** The thing sent, such as `the agent`. */
  readonly what: string;
  /** Bytes sent so far. */
  readonly done: number;
  /** Bytes to be sent. */
  readonly total: number;
  /** Milliseconds since the upload began. */
  readonly ms: number;
}

/**
 * A connection between hosts of the mesh was accepted, or is over. Only if
 * `MeshOptions.connections` asks for it.
 */
export interface ConnectionEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "connection";
  /** The host that opened the connection. */
  readonly host: string;
  /** Whether the connection begins or is over. */
  readonly phase: "opened" | "ended";
  /** The source address and port, `127.0.42.100:50123`. */
  readonly from: string;
  /** The destination address and port. */
  readonly to: string;
  /** The host behind that address; absent if there is none. */
  readonly target?: string;
  /** Bytes from the opener, so far. */
  readonly sent: number;
  /** Bytes to the opener, so far. */
  readonly received: number;
  /** Milliseconds since the connection was asked for. */
  readonly ms: number;
  /** The end, in words: `closed`, `refused`, `reset by web`, `timed out`. */
  readonly end?: string;
}

/** The policy denied a connection. Of many in a short time, some are told. */
export interface DeniedEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "denied";
  /** The host that asked for the connection. */
  readonly host: string;
  /** The host that the connection was for: at its VIP, or through a route. */
  readonly to: string;
  /** The destination address, dotted. */
  readonly address: string;
  /** The destination port. */
  readonly port: number;
  /** The names by which the host looked up a routed address, the latest last; absent if none. */
  readonly names?: readonly string[];
  /** Where the manifest has the rule that denies, `mesh.yaml:12:5`. */
  readonly rule: string;
}

/** More connections of a host were denied than are told one by one. */
export interface MoreDeniedEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "moreDenied";
  /** The host that asked for the connections. */
  readonly host: string;
  /** Their number since the last event of this type. */
  readonly count: number;
}

/** Another manifest is in force, or the same after it was read again. */
export interface ReloadEvent extends EventBase, MeshChange {
  /** Tells events apart. */
  readonly type: "reload";
}

/** A manifest was to be read again, and cannot be used. Nothing has changed. */
export interface ReloadFailedEvent extends EventBase {
  /** Tells events apart. */
  readonly type: "reloadFailed";
  /** Every fault of the manifest. */
  readonly faults: readonly {
    /** Where, `mesh.yaml:12:7`. */
    readonly at: string;
    /** What is wrong there. */
    readonly message: string;
  }[];
}

/** Anything that a mesh tells. */
export type MeshEvent =
  | ConnectionEvent
  | ProgressEvent
  | QuestionEvent
  | HostReadyEvent
  | HostAwayEvent
  | HostDownEvent
  | HostClosedEvent
  | ReloadEvent
  | ReloadFailedEvent
  | HostOutputEvent
  | ManifestWarningEvent
  | HostWarningEvent
  | ListenerFailedEvent
  | AddressesTakenEvent
  | ListenersUpEvent
  | DeniedEvent
  | MoreDeniedEvent;
