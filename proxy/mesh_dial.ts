/**
 * Dialling through the mesh: a connection of the stack, and in words why there is none.
 *
 * @module
 */
import type { Stack } from "../stack/stack.ts";
import { type TcpConnection, TcpError } from "../stack/tcp.ts";
import { formatIpv4 } from "../wire/ip/ipv4.ts";
import type { Directory } from "./directory.ts";
import { DialError, type DialFailure, failureOfIcmp } from "./edge/dial.ts";
import { MeshStream } from "./edge/stream.ts";

/** Ports of a host that a message names. */
const MOST_PORTS = 10;

/** A client's request. */
export interface Asked {
  /** As the client wrote it, for messages. */
  readonly target: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

/** Options of a {@linkcode MeshDial}, which are read anew for each connection. */
export interface MeshDialOptions {
  readonly stack: Pick<Stack, "connect">;
  readonly directory: Directory;
  /**
   * The published ports of the other hosts, by VIP; those of a host without an entry are
   * unknown.
   */
  readonly published?: ReadonlyMap<number, readonly number[]>;
}

/** Opens connections of the stack. */
export class MeshDial {
  readonly #options: MeshDialOptions;

  /** Dials nothing yet. */
  constructor(options: MeshDialOptions) {
    this.#options = options;
  }

  /**
   * Connects to the port that was asked for at `address`, which lies behind the host with
   * the VIP `via` if that is given. Rejects with a {@linkcode DialError}, or the signal's
   * reason.
   */
  async connect(
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

  /** Details beyond `failureOf`. */
  #explain(
    error: TcpError,
    { address, port, via }: { address: number; port: number; via: number | undefined },
  ): Error | undefined {
    const { directory, published } = this.#options;
    const host = directory.nameOf(via ?? address) ?? formatIpv4(via ?? address);
    if (error.reason === "host-down") return new Error(`the host ${host} is down`);
    const what = via === undefined ? host : `${formatIpv4(address)} behind ${host}`;
    if (failureOf(error) === "host-unreachable") {
      // Said by the manager of the host, or by the agent there of the target dialled.
      return new Error(`${what} is down, or cannot reach what it leads to`);
    }
    if (via !== undefined) return new Error(what);
    const ports = published?.get(address);
    const isKnown = failureOf(error) === "refused" && ports && !ports.includes(port);
    return isKnown ? new Error(unpublished(host, port, ports)) : undefined;
  }
}

/** That a host does not publish a port, and the ports that it does publish. */
export function unpublished(
  host: string,
  port: number,
  ports: readonly number[],
): string {
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
