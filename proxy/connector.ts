/**
 * Connector: from the host and port that a client of a proxy asks for to a connection.
 *
 * A host of the mesh is reached through the stack (`mesh_dial.ts`). So are targets behind
 * a bastion (`behind/`): a name is resolved there, by its name server over the mesh, and
 * each of its addresses is claimed for that bastion until the first packet to that
 * address is on its way. All else is dialled by this machine.
 *
 * @module
 */
import type { Stack } from "../stack/stack.ts";
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import { formatHostPort } from "../wire/text.ts";
import { AddressesBehind } from "./behind/addresses.ts";
import { NamesBehind } from "./behind/names.ts";
import type { Directory, Place } from "./directory.ts";
import { dial, DialError } from "./edge/dial.ts";
import { isUnknownName, lookup } from "./edge/lookup.ts";
import { SocketStream } from "./edge/stream.ts";
import { type Asked, MeshDial, unpublished } from "./mesh_dial.ts";
import type { Upstream } from "./upstream.ts";

/** A connection that takes longer has failed; above the limit of the dial behind it. */
export const CONNECT_LIMIT_MS = 30_000;

/** The real address that a port of this host leads to. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
}

/** Options of a {@linkcode Connector}, which are read anew for each connection. */
export interface ConnectorOptions {
  /** VIP of this host. */
  readonly me: number;
  readonly stack: Pick<Stack, "connect">;
  readonly directory: Directory;
  /** The published ports of this host, each with its target. */
  readonly forwards: ReadonlyMap<number, Target>;
  /** Name servers of the mesh: VIP to port. */
  readonly nameServers?: ReadonlyMap<number, number>;
  /**
   * The published ports of the other hosts, by VIP; those of a host without an entry are
   * unknown.
   */
  readonly published?: ReadonlyMap<number, readonly number[]>;
  /**
   * Tells the manager that `address` lies behind `via`, and the name that led there, before
   * the next packet is sent.
   */
  readonly suggest: (address: number, via: number, name?: string) => void;
  /** Settles when the packets of now are on their way, ahead of later suggestions. */
  readonly sent: () => Promise<void>;
  /** Takes a line about a name that was said to lead where it must not. */
  readonly warn: (message: string) => void;
  /** In place of the plain one, to count what becomes of dials. */
  readonly dial?: typeof dial;
  /** In place of this machine's, for tests. */
  readonly lookup?: typeof lookup;
  /** Ends connections that are being opened. */
  readonly signal: AbortSignal;
}

/** Opens connections. */
export class Connector {
  readonly #options: ConnectorOptions;
  readonly #mesh: MeshDial;
  readonly #addresses: AddressesBehind;
  readonly #names: NamesBehind;
  readonly #dial: typeof dial;

  /** Connects to nothing yet. */
  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.#dial = options.dial ?? dial;
    this.#mesh = new MeshDial(options);
    this.#addresses = new AddressesBehind(this.#mesh, options);
    this.#names = new NamesBehind(
      { mesh: this.#mesh, addresses: this.#addresses },
      options,
    );
  }

  /** Names behind bastions are asked for anew from now on: routes or hosts are others. */
  forgetNames(): void {
    this.#names.forget();
  }

  /**
   * Connects to a host (name or address, IPv6 without brackets) and port, within
   * {@linkcode CONNECT_LIMIT_MS}. Rejects with a {@linkcode DialError}.
   */
  async connect(
    hostname: string,
    port: number,
    signal?: AbortSignal,
  ): Promise<Upstream> {
    const target = formatHostPort(hostname, port);
    const limit = new AbortController();
    const timer = setTimeout(() => {
      const cause = new Error(`no answer within ${CONNECT_LIMIT_MS / 1000} s`);
      limit.abort(new DialError("timed-out", target, cause));
    }, CONNECT_LIMIT_MS);
    const signals = [limit.signal, this.#options.signal, ...(signal ? [signal] : [])];
    const asked = { target, port, signal: AbortSignal.any(signals) };
    try {
      return await this.#connect(hostname, asked);
    } catch (error) {
      if (limit.signal.aborted) throw limit.signal.reason;
      throw error instanceof DialError ? error : new DialError("failed", target, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #connect(named: string, asked: Asked): Promise<Upstream> {
    const { directory } = this.#options;
    const hostname = mappedIpv4(named) ?? named;
    const address = parseIpv4(hostname);
    if (address !== undefined) {
      return await this.#to(directory.ofAddress(address), address, hostname, asked);
    }
    const place = directory.ofName(hostname);
    if (place.kind === "host") {
      return await this.#to(place, place.address, hostname, asked);
    }
    if (place.kind === "behind") {
      return await this.#names.connect(hostname, place.via, asked);
    }
    if (directory.hasRanges && !hostname.includes(":")) {
      for (const known of await this.#systemAddresses(hostname, asked)) {
        const place = directory.ofAddress(known, hostname);
        if (place.kind !== "outside") {
          return await this.#to(place, known, hostname, asked);
        }
      }
    }
    return await this.#outside(hostname, asked);
  }

  /** The IPv4 addresses that this machine knows for a name. */
  async #systemAddresses(name: string, { target, signal }: Asked): Promise<number[]> {
    try {
      const all = await (this.#options.lookup ?? lookup)(name, signal);
      return all.filter(({ family }) => family === 4)
        .map(({ address }) => parseIpv4(address)!);
    } catch (error) {
      if (signal.aborted) throw error;
      throw new DialError(
        isUnknownName(error) ? "host-unknown" : "failed",
        target,
        error,
      );
    }
  }

  #to(
    place: Place,
    address: number,
    hostname: string,
    asked: Asked,
  ): Promise<Upstream> {
    switch (place.kind) {
      case "outside":
        return this.#outside(hostname, asked);
      case "host":
        return address === this.#options.me
          ? this.#own(asked)
          : this.#mesh.connect(address, asked);
      case "behind":
        return this.#addresses.connect(address, place.via, asked, { inRange: true });
    }
  }

  async #outside(hostname: string, { port, signal }: Asked): Promise<SocketStream> {
    return new SocketStream(await this.#dial(hostname, port, signal));
  }

  /** A port of this very host: the stack carries no local connections. */
  async #own({ target, port, signal }: Asked): Promise<SocketStream> {
    const forward = this.#options.forwards.get(port);
    if (!forward) {
      const ports = [...this.#options.forwards.keys()];
      const cause = new Error(unpublished("this host", port, ports));
      throw new DialError("refused", target, cause);
    }
    return new SocketStream(await this.#dial(forward.hostname, forward.port, signal));
  }
}

/**
 * The IPv4 address within an IPv6 address of the form ::ffff:a.b.c.d, in any spelling.
 */
function mappedIpv4(hostname: string): string | undefined {
  if (!hostname.includes(":")) return undefined;
  const shortest = URL.parse(`http://[${hostname}]/`)?.hostname;
  const groups = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(shortest ?? "");
  if (!groups) return undefined;
  const [, high, low] = groups.map((group) => parseInt(group, 16));
  return formatIpv4(((high! << 16) | low!) >>> 0);
}
