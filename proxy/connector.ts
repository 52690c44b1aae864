/**
 * Connector: from the host and port that a client of a proxy asks for to a connection.
 *
 * A host of the mesh is reached through the stack. So is what lies behind a bastion: a name
 * is resolved there, by its name server over the mesh, and each of its addresses is claimed
 * for that bastion until the first packet to it is on its way (`claims.ts`). All else is
 * dialled by this machine.
 *
 * What a name server behind a bastion says is a stranger's word, see `believed.ts`.
 */
import type { Stack } from "../stack/stack.ts";
import { type TcpConnection, TcpError } from "../stack/tcp.ts";
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import { NAME_SERVER_PORT } from "../wire/ports.ts";
import { believedAddresses } from "./believed.ts";
import { Claims } from "./claims.ts";
import {
  dial,
  DialError,
  type DialFailure,
  failureOfIcmp,
  formatTarget,
} from "./edge/dial.ts";
import { canonicalName, type Directory, type Place } from "./directory.ts";
import { isUnknownName, lookup } from "./edge/lookup.ts";
import { relay, splice } from "./edge/splice.ts";
import { MeshStream, SocketStream } from "./edge/stream.ts";

/** A connection that takes longer has failed; above the limit of the dial behind it. */
export const CONNECT_LIMIT_MS = 30_000;
/** Suggestions that the manager remembers for each agent, so the same here. */
const SUGGESTION_LIMIT = 512;
/** Names behind bastions whose addresses are remembered. */
const NAME_LIMIT = 1024;
/** Addresses of one name that are tried. */
const MOST_ADDRESSES = 4;
/** Ports of a host that a message names. */
const MOST_PORTS = 10;

/** What a port of this host leads to. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
}

/** Options of a {@linkcode Connector}. They are read anew for each connection, and may change. */
export interface ConnectorOptions {
  /** VIP of this host. */
  readonly me: number;
  readonly stack: Pick<Stack, "connect">;
  readonly directory: Directory;
  /** What this host publishes, by port. */
  readonly forwards: ReadonlyMap<number, Target>;
  /** Name servers of the mesh: VIP to port. */
  readonly nameServers?: ReadonlyMap<number, number>;
  /** What the other hosts publish, by VIP; of a host without an entry nothing is known. */
  readonly published?: ReadonlyMap<number, readonly number[]>;
  /** Tells the manager that `address` lies behind `via`, before the next packet is sent. */
  readonly suggest: (address: number, via: number) => void;
  /** Settles when the packets of now are on their way, ahead of what is suggested later. */
  readonly sent: () => Promise<void>;
  /** Takes a line about a name that was said to lead where it must not. */
  readonly warn: (message: string) => void;
  /** In place of this machine's, for tests. */
  readonly lookup?: typeof lookup;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

interface Asked {
  /** As the client wrote it, for messages. */
  readonly target: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

/** What a client of a proxy was connected to. */
export type Upstream = SocketStream | MeshStream;

/**
 * Carries bytes between a client and what it was connected to until both directions have
 * ended, then closes both; resets them when `signal` is aborted. Never rejects.
 */
export async function join(
  client: SocketStream,
  upstream: Upstream,
  signal: AbortSignal,
): Promise<void> {
  if (upstream instanceof SocketStream) {
    await relay(client.socket, upstream.socket, signal);
  } else await splice(client.socket, upstream.connection);
}

/** Opens connections. */
export class Connector {
  readonly #options: ConnectorOptions;
  readonly #claims = new Claims();
  /** What the manager was told last of an address, the oldest first. */
  readonly #suggested = new Map<number, number>();
  /** Addresses of names behind a bastion, with the time they are good until. */
  readonly #named = new Map<string, { addresses: number[]; until: number }>();

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  /** Names behind bastions are asked for anew from now on: routes or hosts are others. */
  forgetNames(): void {
    this.#named.clear();
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
    const target = formatTarget(hostname, port);
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
    if (place.kind === "behind") return await this.#toName(hostname, place.via, asked);
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
          : this.#through(address, asked);
      case "behind":
        return this.#behind(address, place.via, asked, { inRange: true });
    }
  }

  async #outside(hostname: string, { port, signal }: Asked): Promise<SocketStream> {
    return new SocketStream(await dial(hostname, port, signal));
  }

  /** A port of this very host: the stack does not carry what stays here. */
  async #own({ target, port, signal }: Asked): Promise<SocketStream> {
    const forward = this.#options.forwards.get(port);
    if (!forward) {
      const ports = [...this.#options.forwards.keys()];
      const cause = new Error(unpublished("this host", port, ports));
      throw new DialError("refused", target, cause);
    }
    return new SocketStream(await dial(forward.hostname, forward.port, signal));
  }

  async #through(
    address: number,
    { target, port, signal }: Asked,
    via?: number,
  ): Promise<MeshStream> {
    signal.throwIfAborted();
    let connection: TcpConnection;
    try {
      connection = this.#options.stack.connect(address, port);
    } catch (error) {
      throw new DialError("failed", target, error);
    }
    const abort = () => connection.abort();
    signal.addEventListener("abort", abort);
    try {
      await connection.opened();
      return new MeshStream(connection);
    } catch (error) {
      connection.release();
      if (!(error instanceof TcpError)) throw error;
      const cause = this.#explain(error, { address, port, via });
      throw new DialError(failureOf(error), target, cause);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** What `failureOf` does not say. */
  #explain(
    error: TcpError,
    { address, port, via }: { address: number; port: number; via: number | undefined },
  ): Error | undefined {
    const { directory, published } = this.#options;
    const host = directory.nameOf(via ?? address) ?? formatIpv4(via ?? address);
    if (error.reason === "host-down") return new Error(`the host ${host} is down`);
    const what = via === undefined ? host : `${formatIpv4(address)} behind ${host}`;
    if (failureOf(error) === "host-unreachable") {
      // Its manager says so, or the agent there of what it dialled.
      return new Error(`${what} is down, or cannot reach what it leads to`);
    }
    if (via !== undefined) return new Error(what);
    const ports = published?.get(address);
    const isKnown = failureOf(error) === "refused" && ports && !ports.includes(port);
    return isKnown ? new Error(unpublished(host, port, ports)) : undefined;
  }

  /** `inRange`: the manager knows by itself, unless it was told of another host. */
  async #behind(
    address: number,
    via: number,
    asked: Asked,
    { inRange }: { inRange: boolean },
  ): Promise<MeshStream> {
    const claim = { address, via, signal: asked.signal };
    const { opening } = await this.#claims.hold(claim, async () => {
      // Looked up now that it is our turn: who held the address before may have told.
      const told = this.#suggested.get(address) ?? via;
      if (!inRange || told !== via) this.#suggest(address, via);
      const opening = this.#through(address, asked, via);
      // From its SYN on the manager knows where the connection belongs.
      await Promise.race([this.#options.sent(), opening.catch(() => {})]);
      return { opening };
    });
    return await opening;
  }

  #suggest(address: number, via: number): void {
    this.#suggested.delete(address);
    this.#suggested.set(address, via);
    if (this.#suggested.size > SUGGESTION_LIMIT) {
      this.#suggested.delete(this.#suggested.keys().next().value!);
    }
    this.#options.suggest(address, via);
  }

  /** A name behind a bastion: each of its addresses, until one can be connected to. */
  async #toName(name: string, via: number, asked: Asked): Promise<MeshStream> {
    const key = `${formatIpv4(via)} ${canonicalName(name)}`;
    const known = this.#named.get(key);
    if (known && known.until > performance.now()) {
      try {
        return await this.#toOneOf(known.addresses, via, asked);
      } catch (error) {
        // A bastion that was started anew dials a name's addresses only once asked for it.
        if (!(error instanceof DialError) || error.failure !== "prohibited") throw error;
      }
    }
    const { addresses, ttl } = await this.#resolve(name, via, asked);
    this.#named.delete(key);
    this.#named.set(key, { addresses, until: performance.now() + ttl * 1000 });
    if (this.#named.size > NAME_LIMIT) {
      this.#named.delete(this.#named.keys().next().value!);
    }
    return await this.#toOneOf(addresses, via, asked);
  }

  async #toOneOf(
    addresses: readonly number[],
    via: number,
    asked: Asked,
  ): Promise<MeshStream> {
    let failure: unknown;
    for (const address of addresses.slice(0, MOST_ADDRESSES)) {
      try {
        return await this.#behind(address, via, asked, { inRange: false });
      } catch (error) {
        if (asked.signal.aborted) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #resolve(
    name: string,
    via: number,
    asked: Asked,
  ): Promise<{ addresses: number[]; ttl: number }> {
    const { NameError, resolveOver } = await import("./dns/client.ts");
    const { directory, nameServers } = this.#options;
    const host = directory.nameOf(via) ?? formatIpv4(via);
    const server = `the name server of ${host}`;
    const port = nameServers?.get(via) ?? NAME_SERVER_PORT;
    let stream: MeshStream;
    try {
      stream = await this.#through(via, { ...asked, port });
    } catch (error) {
      if (!(error instanceof DialError) || error.failure !== "refused") throw error;
      // Whether the target would have refused, nobody knows.
      const reason = `Cannot resolve ${
        JSON.stringify(name)
      } through ${server}: it refused`;
      throw new DialError("failed", asked.target, new Error(reason, { cause: error }));
    }
    try {
      const found = await resolveOver(stream, name, { signal: asked.signal, server });
      const believed = believedAddresses(directory, { name, via, said: found.addresses });
      if (typeof believed !== "string") return { addresses: believed, ttl: found.ttl };
      this.#options.warn(`Did not connect to ${asked.target}: ${believed}`);
      throw new DialError("prohibited", asked.target, new Error(believed));
    } catch (error) {
      if (!(error instanceof NameError)) throw error;
      if (error.code !== "not-found") {
        throw new DialError(error.code, asked.target, error);
      }
      const cause = new Error(`asked behind ${host}: ${error.message}`, { cause: error });
      throw new DialError("host-unknown", asked.target, cause);
    }
  }
}

function unpublished(host: string, port: number, ports: readonly number[]): string {
  const shown = ports.slice(0, MOST_PORTS).join(", ");
  const more = ports.length > MOST_PORTS ? `, … (${ports.length} in all)` : "";
  return `${host} does not publish ${port}; ` +
    (ports.length === 0 ? "it publishes no port" : `it publishes ${shown}${more}`);
}

function failureOf(error: TcpError): DialFailure {
  switch (error.reason) {
    case "refused":
    case "reset":
      return "refused";
    case "timed-out":
      return "timed-out";
    case "host-down":
      return "host-unreachable";
    case "unreachable":
      return failureOfIcmp(error.icmpCode);
    default:
      return "failed";
  }
}

/** The IPv4 address within an IPv6 address of the form ::ffff:a.b.c.d, in any spelling. */
function mappedIpv4(hostname: string): string | undefined {
  if (!hostname.includes(":")) return undefined;
  const shortest = URL.parse(`http://[${hostname}]/`)?.hostname;
  const groups = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(shortest ?? "");
  if (!groups) return undefined;
  const [, high, low] = groups.map((group) => parseInt(group, 16));
  return formatIpv4(((high! << 16) | low!) >>> 0);
}
