/**
 * Finds the kernel's descriptors of connections, which Deno does not tell, for a reset.
 *
 * Where to look: a search notes the ports of both ends of each descriptor, so a
 * connection that it has met is looked for in a single place. For others, descriptors
 * that were no connections are looked at first, since new connections are among them, and
 * then the rest.
 *
 * Whether a descriptor is the connection's: descriptors and pairs of ports are used
 * again, and a connection whose peer has left has no ends any more. So an option of the
 * connection is turned over through Deno, and read through the descriptor: if that turned
 * over too, the two are the same. Nothing else runs between this and the reset, and the
 * connection is open until then.
 *
 * Deno sets no option while a write is under way. Such a connection is known by the
 * addresses and ports of both ends, which only one open connection can have. A connection
 * whose peer has left is not under way any more: its write has failed before a newcomer
 * with the same ends is accepted.
 *
 * @module
 */

/** Calls of the C library; those that fail give -1. Lengths are in bytes. */
export interface SocketCalls {
  readonly getsockname: (
    fd: number,
    address: Uint8Array<ArrayBuffer>,
    length: Uint32Array<ArrayBuffer>,
  ) => number;
  readonly getpeername: SocketCalls["getsockname"];
  readonly getsockopt: (
    fd: number,
    level: number,
    option: number,
    value: Uint32Array<ArrayBuffer>,
    length: Uint32Array<ArrayBuffer>,
  ) => number;
  readonly connect: (
    fd: number,
    address: Uint8Array<ArrayBuffer>,
    length: number,
  ) => number;
}

/** Larger than any socket address of TCP (`struct sockaddr_in6` has 28 bytes). */
const ADDRESS_BYTES = 32;
/** Of Linux, on all processors that Deno runs on. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
/** Descriptors that are looked at until a search yields. */
export const PART = 32;
/**
 * The cost of a look at no connection, compared with others: a single call, which fails
 * at once.
 */
const NOTHING_THERE = 0.25;
/** No pair of ports. */
const NONE = 0;

/** Remembers where connections were. */
export class SocketSearch {
  /** By descriptor, the pair of ports at the last look. */
  #pairs = new Float64Array(0);
  /** The same the other way round. */
  readonly #descriptors = new Map<number, number>();
  /** Connections looked for, by pair of ports. */
  readonly #wanted = new Map<number, Set<Deno.TcpConn>>();
  readonly #here = new Uint8Array(ADDRESS_BYTES);
  readonly #there = new Uint8Array(ADDRESS_BYTES);
  readonly #unspecified = new Uint8Array(ADDRESS_BYTES);
  readonly #value = new Uint32Array(1);
  readonly #length = new Uint32Array(1);

  /**
   * Resets `connections`, all below the descriptor `limit`, and closes them; a connection
   * that is not found is closed alone. Yields every now and then, when the event loop may
   * go on; the connections must not be closed by others meanwhile.
   */
  *reset(
    calls: SocketCalls,
    connections: Iterable<Deno.TcpConn>,
    limit: number,
  ): Generator<void, void> {
    const wanted = this.#wanted;
    wanted.clear();
    let count = 0;
    for (const connection of connections) {
      const pair = pairOf(connection);
      const fd = this.#descriptors.get(pair);
      if (fd !== undefined && this.#resetIf(calls, fd, connection)) continue;
      const same = wanted.get(pair);
      if (same) same.add(connection);
      else wanted.set(pair, new Set([connection]));
      if (++count % PART === 0) yield;
    }
    if (limit > this.#pairs.length) this.#grow(limit);
    const connected = new Uint8Array(limit);
    for (let fd = 0; fd < limit; fd++) connected[fd] = this.#pairs[fd] === NONE ? 0 : 1;
    let looked = 0;
    for (const isConnected of [0, 1]) {
      for (let fd = 0; fd < limit && wanted.size > 0; fd++) {
        if (connected[fd] !== isConnected) continue;
        looked += this.#look(calls, fd) ? 1 : NOTHING_THERE;
        if (looked < PART) continue;
        looked -= PART;
        yield;
      }
    }
    for (const same of wanted.values()) for (const each of same) closeQuietly(each);
    wanted.clear();
  }

  #grow(limit: number): void {
    const pairs = new Float64Array(limit);
    pairs.set(this.#pairs);
    this.#pairs = pairs;
  }

  /** Notes a descriptor's ports, resets a wanted connection; false if there is none. */
  #look(calls: SocketCalls, fd: number): boolean {
    const pair = this.#pairAt(calls, fd);
    this.#note(fd, pair);
    if (pair === NONE) return false;
    const same = this.#wanted.get(pair);
    if (!same) return true;
    for (const connection of same) {
      if (!this.#resetIf(calls, fd, connection)) continue;
      same.delete(connection);
      if (same.size === 0) this.#wanted.delete(pair);
      break;
    }
    return true;
  }

  /** The ports of a connection of TCP; of sockets of other kinds too, if they have such. */
  #pairAt({ getpeername, getsockname }: SocketCalls, fd: number): number {
    const here = this.#here;
    const there = this.#there;
    this.#length[0] = ADDRESS_BYTES;
    if (getpeername(fd, there, this.#length) !== 0) return NONE;
    if (there[0] !== AF_INET && there[0] !== AF_INET6) return NONE;
    this.#length[0] = ADDRESS_BYTES;
    if (getsockname(fd, here, this.#length) !== 0) return NONE;
    // The ports come in network order.
    return pairFrom(here[2]! << 8 | here[3]!, there[2]! << 8 | there[3]!);
  }

  #note(fd: number, pair: number): void {
    const before = this.#pairs[fd]!;
    if (before !== pair && this.#descriptors.get(before) === fd) {
      this.#descriptors.delete(before);
    }
    this.#pairs[fd] = pair;
    if (pair !== NONE) this.#descriptors.set(pair, fd);
  }

  /** Resets and closes `connection` if `fd` is its descriptor. */
  #resetIf(calls: SocketCalls, fd: number, connection: Deno.TcpConn): boolean {
    if (!this.#isIt(calls, fd, connection)) return false;
    calls.connect(fd, this.#unspecified, 16);
    closeQuietly(connection);
    this.#note(fd, NONE);
    return true;
  }

  /** Whether `fd` is the descriptor of `connection`. */
  #isIt(calls: SocketCalls, fd: number, connection: Deno.TcpConn): boolean {
    const before = this.#keepAlive(calls, fd);
    if (before === undefined) return false;
    try {
      connection.setKeepAlive(!before);
    } catch (error) {
      if (error instanceof Deno.errors.BadResource) return false; // closed
      return this.#hasSameEnds(calls, fd, connection);
    }
    return this.#keepAlive(calls, fd) === !before;
  }

  #hasSameEnds(
    calls: SocketCalls,
    fd: number,
    { localAddr, remoteAddr }: Deno.TcpConn,
  ): boolean {
    if (this.#pairAt(calls, fd) === NONE) return false;
    return isAddress(this.#here, localAddr) && isAddress(this.#there, remoteAddr);
  }

  #keepAlive({ getsockopt }: SocketCalls, fd: number): boolean | undefined {
    const value = this.#value;
    this.#length[0] = value.byteLength;
    const failed = getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, value, this.#length) !== 0;
    return failed ? undefined : value[0] !== 0;
  }
}

function pairFrom(here: number, there: number): number {
  return here * 65_536 + there;
}

function pairOf(connection: Deno.TcpConn): number {
  try {
    return pairFrom(connection.localAddr.port, connection.remoteAddr.port);
  } catch {
    return NONE; // the connection was closed before
  }
}

/** Whether a `struct sockaddr_in` or `sockaddr_in6` holds `address`. */
function isAddress(bytes: Uint8Array, { hostname, port }: Deno.NetAddr): boolean {
  if ((bytes[2]! << 8 | bytes[3]!) !== port) return false;
  const isIpv6 = hostname.includes(":");
  if (isIpv6 !== (bytes[0] === AF_INET6)) return false;
  if (!isIpv6) return bytes.subarray(4, 8).join(".") === hostname;
  const groups = Array.from(
    { length: 8 },
    (_, at) => (bytes[8 + 2 * at]! << 8 | bytes[9 + 2 * at]!).toString(16),
  );
  return canonicalIpv6(groups.join(":")) === canonicalIpv6(hostname);
}

/** The canonical spelling of an IPv6 address (RFC 5952, section 4). */
function canonicalIpv6(text: string): string {
  return new URL(`http://[${text}]`).hostname;
}

/** Ends `connection` with FIN, unless it has ended. */
export function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // The connection was closed before.
  }
}
