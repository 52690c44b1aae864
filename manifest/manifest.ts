/**
 * The checked manifest, as types.
 *
 * @module
 */
import type { Cidr } from "../wire/ip/ipv4.ts";
import type { PolicyRule } from "./policy.ts";
import type { Diagnostic, Position } from "./source/diagnostic.ts";

/** A manifest in which everything was checked and every default filled in. */
export interface Manifest {
  /** The file as the user named it, or the label of an object. */
  readonly path: string;
  /** In order of appearance; at least one. */
  readonly hosts: readonly HostSpec[];
  /** In order of appearance; the last match wins. */
  readonly routes: readonly RouteSpec[];
  /** Who may connect to whom, the first match counts; everybody to everybody if absent. */
  readonly policy?: readonly PolicyRule[];
  /** Warnings: the mesh starts all the same; in order of appearance. */
  readonly warnings: readonly Diagnostic[];
}

/** A host of the mesh, the template's values merged in. */
export interface HostSpec {
  /** The virtual host name. */
  readonly name: string;
  /** Where its name stands. */
  readonly at: Position;
  /** The virtual IPv4 address as an unsigned number, unique in the mesh. */
  readonly vip: number;
  /** True when the manifest left `vip` out and a free address was taken. */
  readonly vipAssigned: boolean;
  /** How the host is reached; absent for this machine (at most a single host). */
  readonly transport?: TransportSpec;
  /** The published ports, the template's first; no port twice. */
  readonly ports: readonly PortSpec[];
  /** Its HTTP proxy; absent when off. */
  readonly http?: ProxySpec;
  /** Its SOCKS proxy; absent when off. */
  readonly socks?: ProxySpec;
  /** Whether the host listens on the loopback addresses of the mesh. */
  readonly loopback: { readonly disable: boolean };
  /** Where its agent keeps its files; without a path, the agent's default. */
  readonly stateDir: { readonly pathOnAgent?: string; readonly disable: boolean };
  /**
   * Addresses on the host that lead into the mesh; `ingress` of the manifest is among `ports`.
   * None if absent.
   */
  readonly egress?: readonly EgressSpec[];
  /** Further names of the host, unique in the mesh together with all names. */
  readonly aliases: readonly string[];
  /**
   * Hosts, by name, that its name server resolves all names for, or `*` for all. The
   * others are told the names of the mesh, and those that a route leads to this host.
   */
  readonly resolveFor: readonly string[];
  /** Whether its agent writes the mesh's names into its hosts file. */
  readonly writeEtcHosts: boolean;
  /** How long its agent may take to answer, in milliseconds. */
  readonly connectTimeout: number;
  /**
   * How long its agent stays without a link, in milliseconds: whole seconds, or 0 if it
   * ends with its link. Absent for this machine, whose agent has the manager's life.
   */
  readonly resume?: number;
  /**
   * Whether the manager puts the agent on the host: if absent there (`auto`), at each
   * start (`always`), or never. Never for `cmd`, which is the whole command.
   */
  readonly install: "auto" | "always" | "never";
  /** The folder on the host for the agent; some usual folders if absent. */
  readonly installPath?: string;
}

/** An address on a host whose clients are connected into the mesh, or behind its routes. */
export interface EgressSpec {
  /** Always TCP so far. */
  readonly proto: "tcp";
  /** The address to listen on, IPv6 without brackets; 127.0.0.1 unless the rule has one. */
  readonly listenHost: string;
  /** The port there. */
  readonly listenPort: number;
  /**
   * A host of the mesh, a VIP, a routed name or an address. Several rules of one address
   * and port take turns.
   */
  readonly connectHost: string;
  /** The port there. */
  readonly connectPort: number;
  /** Where the manifest has the rule. */
  readonly at: Position;
}

/** How a host is reached. */
export interface TransportSpec {
  /**
   * The transport's name, which is also the field's: `cmd`; the name of a plug-in's
   * parser.
   */
  readonly name: string;
  /** The field's value as plain data; for a plug-in that of `with`. */
  readonly spec: unknown;
  /** The result of the transport's parser. */
  readonly options: unknown;
  /** Where the field's value stands. */
  readonly at: Position;
}

/**
 * A published port: connections to `vip:listenPort` end at `connectHost:connectPort`.
 */
export interface PortSpec {
  /** The port on the host's VIP, 1 to 65535. */
  readonly listenPort: number;
  /** A name, IPv4 or IPv6 address (without brackets), as seen from the host. */
  readonly connectHost: string;
  /** 1 to 65535. */
  readonly connectPort: number;
  /** Always TCP so far. */
  readonly proto: "tcp";
  /** Where the port stands; in the template for ports that come from there. */
  readonly at: Position;
  /** As written: `8080:127.0.0.1:80`. */
  readonly text: string;
}

/** A proxy that a host's agent runs. */
export interface ProxySpec {
  /** `address:port` as written; an empty address means all. */
  readonly listen: string;
  /** Credentials of its clients; absent for a proxy that anybody may use. */
  readonly auth?: ProxyAuth;
  /** Where the address stands. */
  readonly at: Position;
}

/** A name and a password. The password is in no message of ours: keep it out of yours. */
export interface ProxyAuth {
  /**
   * Not empty; without a colon for HTTP (RFC 7617), at most 255 bytes for SOCKS (RFC
   * 1929).
   */
  readonly username: string;
  /** The same, where a colon may stand. From the environment if the manifest says so. */
  readonly password: string;
}

/** Destinations that are reached through a host. */
export interface RouteSpec {
  /** The host's name, also where the manifest gave its VIP. */
  readonly via: string;
  /** All destinations as written. */
  readonly to: readonly string[];
  /** Those that are address ranges. */
  readonly cidrs: readonly Cidr[];
  /** Those that are patterns of host names. */
  readonly globs: readonly string[];
  /** All exceptions as written: destinations that this route is not for. */
  readonly notTo: readonly string[];
  /** Exceptions that are address ranges. */
  readonly notCidrs: readonly Cidr[];
  /** Exceptions that are patterns of host names. */
  readonly notGlobs: readonly string[];
  /** Where the route stands. */
  readonly at: Position;
  /** Where the first of `notGlobs` stands. */
  readonly notNameAt?: Position;
}

/** The part of a transport that the manifest needs: from value to options. */
export interface SpecParser {
  /** The field of a host that holds the transport's value. */
  readonly name: string;
  /**
   * Checks the value and gives the options that `open` will get.
   *
   * @throws an error with `path`, the way from `spec` to the value at fault, and
   * `message`, reported at that value's line and column, or with `isKey: true` at those
   * of the key. An `AggregateError` of such errors reports all of them.
   */
  parse(spec: unknown, place?: SpecPlace): unknown;
}

/** Where a transport's value stands. */
export interface SpecPlace {
  /**
   * The manifest's folder, where relative paths in the value begin: `.` is the working
   * directory.
   */
  readonly folder: string;
}

/** A plug-in that a host names as its `transport`. */
export interface PluginUse {
  /** As written. */
  readonly specifier: string;
  /** Its lock in `plugins`. */
  readonly lock?: PluginLock;
}

/** The lock of a plug-in: the code that is allowed to run. */
export interface PluginLock {
  /**
   * Of the only bytes that may be run, in lower case; absent where a registry is trusted.
   */
  readonly sha256?: string;
  /** Where the lock stands. */
  readonly at: Position;
}

/** Why a plug-in has no parser. */
export interface PluginProblem {
  /** For the user; reported where the host names the plug-in. */
  readonly problem: string;
  /** Whether the manifest is therefore wrong; else its value is not checked. */
  readonly isError: boolean;
}

/** Options of reading a manifest. */
export interface ParseOptions {
  /** The file's name as messages show it. */
  readonly path: string;
  /** Where relative paths in the manifest begin; the working directory if absent. */
  readonly folder?: string;
  /** The transports that a host may name, by field. */
  readonly transports: ReadonlyMap<string, SpecParser>;
  /**
   * Reads the variables that `passwordEnv` names; undefined for a variable that is not
   * set. Its errors are reported, without their messages. If absent, naming a variable is
   * an error.
   */
  readonly env?: (name: string) => string | undefined;
  /**
   * Gives the parsers of plug-ins, loaded before. If absent, naming a plug-in is an
   * error.
   */
  readonly findPlugin?: (named: PluginUse) => SpecParser | PluginProblem;
  /** Hosts that came and went by command, on top of what is written. */
  readonly edits?: HostEdits;
  /** Of a text that a program made: where the user has what stands there. */
  readonly place?: (at: Position) => Position;
}

/** Hosts that are in the mesh, or not, whatever its manifest says. */
export interface HostEdits {
  /** Hosts besides those of the manifest, by name: what stands behind the name, in YAML. */
  readonly added: ReadonlyMap<string, string>;
  /** Names of hosts of the manifest that are left out. */
  readonly removed: ReadonlySet<string>;
}
