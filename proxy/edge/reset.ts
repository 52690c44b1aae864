/**
 * Ends a TCP connection of the kernel with a reset.
 *
 * `Deno.TcpConn.close()` always sends FIN, which a client takes for a clean end of the
 * stream. On Linux, `connect` to an address of family AF_UNSPEC makes the kernel drop the
 * connection and send RST (`connect(2)`); that needs the file descriptor, which has to be
 * searched for (`socket_search.ts`). Elsewhere, and without the permission for FFI, the
 * connection ends with FIN.
 *
 * A stranger can cause resets, so their cost is bounded: one search serves all
 * connections that wait, other work has its turn every {@linkcode TURN} descriptors, and
 * all searches together have some fifth of the time, after {@linkcode CREDIT} at once.
 * When that is used up, connections wait for the next search, up to {@linkcode
 * LONGEST_WAIT_MS}. Work is counted, not timed: a busy machine would look like a flood.
 *
 * @module
 */
import { systemPace } from "../../link/pace.ts";
import { closeQuietly, PART, SocketSearch } from "./socket_search.ts";

const SYMBOLS = {
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>;

/** Descriptors that are looked at in a turn, which takes one to three milliseconds. */
const TURN = 4096;
/** The cost of opening the C library, in descriptors. */
const OPENING = 1000;
/** Descriptors that may be looked at at once, after some time without. */
const CREDIT = 250_000;
/** The same for each millisecond. */
const CREDIT_PER_MS = 250;
/**
 * Searches that may begin in so many milliseconds without a round of the event loop
 * between: the timers of thousands of clients may all be due in the same round.
 */
const AT_ONCE = { searches: 4, ms: 20 };
/** Milliseconds that connections wait for the next search at most. */
const LONGEST_WAIT_MS = 100;
/** Descriptors that are looked at where the system does not tell how many there are. */
const MOST_DESCRIPTORS = 16_384;

const search = new SocketSearch();
let waiting = new Set<Deno.TcpConn>();
/** Settles when nothing waits any more. */
let atWork: Promise<void> | undefined;
/** Descriptors that may be looked at, and the time of this count. */
let credit = CREDIT;
let creditedAt = 0;
/** When the last searches began, the oldest first. */
const begun: number[] = [];

/** Opened for each search: that takes a millisecond, and nothing is left open. */
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
 * Ends `connection` with a reset where the system allows that, otherwise with FIN: before
 * anything else runs, unless resets are so frequent that connections wait. Reads and
 * writes under way fail then. Nobody else may close the connection.
 */
export function resetConnection(connection: Deno.TcpConn): void {
  waiting.add(connection);
  atWork ??= Promise.resolve().then(resetWaiting);
}

/** Settles when all connections whose reset was asked for have had theirs. */
export function resetsDone(): Promise<void> {
  return atWork ?? Promise.resolve();
}

async function resetWaiting(): Promise<void> {
  try {
    while (waiting.size > 0) {
      const wait = waitMs();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      else if (isCrowded()) await systemPace.rest();
      const connections = waiting;
      waiting = new Set();
      await resetEach(connections);
    }
  } finally {
    atWork = undefined;
  }
}

async function resetEach(connections: Set<Deno.TcpConn>): Promise<void> {
  const libc = openLibc();
  if (!libc) {
    for (const each of connections) closeQuietly(each);
    return;
  }
  credit -= OPENING;
  const work = search.reset(libc.symbols, connections, descriptorLimit());
  while (!worked(work)) await systemPace.rest();
  libc.close();
}

/** Works for a turn, and says whether that was all. */
function worked(work: Generator<void, void>): boolean {
  for (let looked = 0; looked < TURN; looked += PART) {
    credit -= PART;
    if (work.next().done) return true;
  }
  return false;
}

/** Milliseconds until the next search. */
function waitMs(): number {
  const now = performance.now();
  credit = Math.min(credit + (now - creditedAt) * CREDIT_PER_MS, CREDIT);
  creditedAt = now;
  return credit > 0 ? 0 : Math.min(-credit / CREDIT_PER_MS, LONGEST_WAIT_MS);
}

/** Whether many searches have begun just now; notes that another does. */
function isCrowded(): boolean {
  const now = performance.now();
  begun.push(now);
  if (begun.length <= AT_ONCE.searches) return false;
  return now - begun.shift()! < AT_ONCE.ms;
}

/** All descriptors of this process are below. */
function descriptorLimit(): number {
  try {
    const status = Deno.readTextFileSync("/proc/self/status");
    return Number(/^FDSize:\s*(\d+)/m.exec(status)?.[1] ?? MOST_DESCRIPTORS);
  } catch {
    return MOST_DESCRIPTORS; // no permission to read, or no such file
  }
}
