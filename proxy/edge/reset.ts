/**
 * Ends a TCP connection of the kernel with a reset.
 *
 * `Deno.TcpConn.close()` always sends FIN, which a client takes for a clean end of the
 * stream. On Linux, `connect` to an address of family AF_UNSPEC makes the kernel drop the
 * connection and send RST (`connect(2)`); it needs the file descriptor, which Deno does
 * not tell, so it is found by its two addresses among those of the process. Elsewhere,
 * and without the permission for FFI, the connection ends with FIN.
 *
 * @module
 */
import { formatHostPort } from "../../wire/text.ts";

const SYMBOLS = {
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>;

/** Larger than any socket address of TCP (`struct sockaddr_in6` has 28 bytes). */
const ADDRESS_BYTES = 32;
/** Descriptors in a row that are no TCP sockets, after which the search ends. */
const LONGEST_GAP = 4096;

const waiting = new Set<Deno.TcpConn>();

/** Opened for each turn that needs it: resets are rare, and it takes a millisecond. */
function openLibc(): Libc | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
    return Deno.dlopen("libc.so.6", SYMBOLS);
  } catch {
    return undefined; // another C library: connections end with FIN
  }
}

/** Whether {@linkcode resetConnection} can send a reset on this system. */
export function canReset(): boolean {
  const libc = openLibc();
  libc?.close();
  return libc !== undefined;
}

/**
 * Ends `connection` with a reset where the system allows it, otherwise with FIN. Reads
 * and writes under way fail. Connections reset in the same turn of the event loop are
 * looked for together.
 */
export function resetConnection(connection: Deno.TcpConn): void {
  if (waiting.size === 0) queueMicrotask(resetWaiting);
  waiting.add(connection);
}

function resetWaiting(): void {
  const wanted = new Set<string>();
  for (const connection of waiting) {
    const key = keyOf(connection);
    if (key !== undefined) wanted.add(key);
  }
  const libc = wanted.size > 0 ? openLibc() : undefined;
  if (libc) {
    resetSockets(libc, wanted);
    libc.close();
  }
  for (const connection of waiting) closeQuietly(connection);
  waiting.clear();
}

function resetSockets(libc: Libc, wanted: Set<string>): void {
  const { getsockname, getpeername, connect } = libc.symbols;
  const local = new Uint8Array(ADDRESS_BYTES);
  const remote = new Uint8Array(ADDRESS_BYTES);
  const length = new Uint32Array(1);
  const unspecified = new Uint8Array(ADDRESS_BYTES);
  for (let fd = 3, gap = 0; wanted.size > 0 && gap < LONGEST_GAP; fd++) {
    gap++;
    length[0] = ADDRESS_BYTES;
    if (getpeername(fd, remote, length) !== 0) continue;
    gap = 0;
    length[0] = ADDRESS_BYTES;
    if (getsockname(fd, local, length) !== 0) continue;
    if (wanted.delete(`${addressOf(local)} ${addressOf(remote)}`)) {
      connect(fd, unspecified, 16);
    }
  }
}

/** Both ends as text, or undefined if the connection is closed already. */
function keyOf(connection: Deno.TcpConn): string | undefined {
  try {
    const { localAddr: local, remoteAddr: remote } = connection;
    return `${canonical(local.hostname, local.port)} ${
      canonical(remote.hostname, remote.port)
    }`;
  } catch {
    return undefined;
  }
}

/** An address in the form that both sources agree on. */
function canonical(hostname: string, port: number): string {
  const { hostname: host } = new URL(`http://${formatHostPort(hostname, port)}`);
  return `${host}:${port}`;
}

/** The same of a `struct sockaddr_in` or `_in6`: the port comes in network order. */
function addressOf(address: Uint8Array): string {
  const port = address[2]! << 8 | address[3]!;
  if (address[0] === 2) return `${address.subarray(4, 8).join(".")}:${port}`;
  const groups: string[] = [];
  for (let i = 8; i < 24; i += 2) {
    groups.push((address[i]! << 8 | address[i + 1]!).toString(16));
  }
  return canonical(groups.join(":"), port);
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // The connection was closed before.
  }
}
