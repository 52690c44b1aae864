/**
 * Joins a socket of the kernel with a connection of the stack: the only code that copies
 * user data.
 *
 * Both directions run at once and end apart. End of stream on one side becomes a
 * half-close on the other; a failure on either side becomes a reset on the other, at
 * once, also for a direction that is stuck in a write. Nothing is read that cannot be
 * passed on: a socket only while the connection's send buffer has room, and the window of
 * the connection opens only after its bytes were written to the socket.
 *
 * A socket is read into a small block of the stack's memory while it is idle, since ten
 * thousand idle connections must not pin ten thousand large ones; a read that fills its
 * block earns a larger one.
 */
import type { SendBlock, TcpConnection } from "../../stack/tcp.ts";
import { resetConnection } from "./reset.ts";
import { turns } from "./turns.ts";

/** How long a read waits when there is room to send but no block to read into. */
const SHORTAGE_MS = 20;
const BLOCK_SIZES = [2048, 16_384, 65_536, 262_144] as const;
/**
 * When one direction has ended and nothing came in the other from one look to the next, both
 * are reset: nobody may be left who will ever end it.
 */
const HALF_OPEN_LOOK_MS = 30 * 60_000;

/** What two directions have in common. */
interface Traffic {
  /** Counts what was carried. */
  parts: number;
}

/** Runs both directions; `breakBoth` must end them. */
async function both(
  directions: readonly [
    (traffic: Traffic) => Promise<void>,
    (traffic: Traffic) => Promise<void>,
  ],
  breakBoth: () => void,
): Promise<void> {
  const traffic = { parts: 0 };
  let timer: ReturnType<typeof setInterval> | undefined;
  const ended = () => {
    let seen = traffic.parts;
    timer ??= setInterval(() => {
      if (traffic.parts === seen) breakBoth();
      seen = traffic.parts;
    }, HALF_OPEN_LOOK_MS);
  };
  await Promise.all(
    directions.map((carry) => carry(traffic).catch(breakBoth).then(ended)),
  );
  clearInterval(timer);
}

/**
 * Carries bytes between `socket` and `connection` until both directions have ended, then
 * closes the one and releases the other. The connection must be open. Never rejects: a
 * failure of one side is told to the other, and nobody else wants to know.
 */
export async function splice(
  socket: Deno.TcpConn,
  connection: TcpConnection,
): Promise<void> {
  const side = new SocketSide(socket);
  connection.onFailure = () => side.reset();
  if (connection.failure) side.reset();
  const breakBoth = () => {
    connection.abort();
    side.reset();
  };
  await both([
    (traffic) => upload(socket, connection, traffic),
    (traffic) => download(connection, socket, traffic),
  ], breakBoth);
  connection.release();
  side.close();
}

/**
 * The same for two sockets: a forward of this machine asked for on this machine. Both are
 * reset when `signal` is aborted.
 */
export async function relay(
  a: Deno.TcpConn,
  b: Deno.TcpConn,
  signal: AbortSignal,
): Promise<void> {
  const sides = [new SocketSide(a), new SocketSide(b)];
  const breakBoth = () => sides.forEach((side) => side.reset());
  if (signal.aborted) breakBoth();
  signal.addEventListener("abort", breakBoth);
  await both([
    (traffic) => copy(a, b, traffic),
    (traffic) => copy(b, a, traffic),
  ], breakBoth);
  signal.removeEventListener("abort", breakBoth);
  for (const side of sides) side.close();
}

/** Ends a socket once, one way or the other. */
class SocketSide {
  readonly #socket: Deno.TcpConn;
  #ended = false;

  constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
  }

  reset(): void {
    if (this.#ended) return;
    this.#ended = true;
    resetConnection(this.#socket);
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.close();
  }
}

async function upload(
  socket: Deno.TcpConn,
  connection: TcpConnection,
  traffic: Traffic,
): Promise<void> {
  let size = 0;
  let block: SendBlock | undefined;
  try {
    for (;;) {
      const room = await connection.writable();
      block ??= connection.allocate(BLOCK_SIZES[size]!);
      if (!block) { // memory got short just now
        await new Promise((resolve) => setTimeout(resolve, SHORTAGE_MS));
        continue;
      }
      const { bytes } = block;
      const got = await socket.read(
        room < bytes.length ? bytes.subarray(0, room) : bytes,
      );
      if (got === null) return connection.shutdown();
      traffic.parts++;
      const result = connection.send(block, got);
      const wanted = nextSize(size, got, bytes.length);
      if (result === "taken") {
        block = undefined;
      } else if (wanted !== size) {
        connection.free(block);
        block = undefined;
      }
      size = wanted;
    }
  } finally {
    if (block) connection.free(block);
  }
}

/** Larger after a read that filled its block, smaller after one that left most of it. */
function nextSize(size: number, got: number, room: number): number {
  if (got === room) return Math.min(size + 1, BLOCK_SIZES.length - 1);
  return got < room / 8 ? 0 : size;
}

async function download(
  connection: TcpConnection,
  socket: Deno.TcpConn,
  traffic: Traffic,
): Promise<void> {
  while (await connection.readable()) {
    const bytes = connection.peek();
    traffic.parts++;
    await writeAll(socket, bytes);
    connection.consume(bytes.length);
  }
  await closeWrite(socket);
}

async function copy(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  traffic: Traffic,
): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const got = await from.read(buffer);
    if (got === null) return await closeWrite(to);
    traffic.parts++;
    const turn = turns.next(); // both ends may be quicker than we are
    if (turn) await turn;
    await writeAll(to, buffer.subarray(0, got));
  }
}

/** Writes all of `bytes`: one write may take only some of them. */
export async function writeAll(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await socket.write(at === 0 ? bytes : bytes.subarray(at));
  }
}

/** Ends the direction to the peer; no error if the peer ended both already. */
export async function closeWrite(socket: Deno.TcpConn): Promise<void> {
  try {
    await socket.closeWrite();
  } catch (error) {
    // The peer ended both directions already; there is nobody left to tell.
    if (!(error instanceof Deno.errors.NotConnected)) throw error;
  }
}
