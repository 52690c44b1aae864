/**
 * Joins a socket of the kernel with a connection of the stack: the only code that copies
 * user data.
 *
 * Both directions run at once and end apart. End of stream on either side becomes a
 * half-close on the other; a failure on either side becomes a reset on the other, at
 * once, also for a direction that is stuck in a write. Nothing is read that cannot be
 * passed on: a socket only while the connection's send buffer has room, and the window of
 * the connection opens only after its bytes were written to the socket.
 *
 * An idle socket is read into a small block of the stack's memory, since ten thousand
 * idle connections must not pin ten thousand large blocks; a read that fills its block
 * earns a larger block.
 *
 * @module
 */
import type { SendBlock, TcpConnection } from "../../stack/tcp.ts";
import { memoryMayBeFree } from "./shortage.ts";
import { closeWrite, OwnedSocket, writeAll } from "./socket.ts";
import { turns } from "./turns.ts";

const BLOCK_SIZES = [2048, 16_384, 65_536, 262_144] as const;
/**
 * When a direction has ended and nothing came in the other between two looks, both are
 * reset: nobody may be left who will ever end that direction.
 */
const HALF_OPEN_LOOK_MS = 30 * 60_000;

/** The state that two directions share. */
interface Traffic {
  /** Pieces that were carried. */
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
 * closes the socket and releases the connection, which must be open. Never rejects: a
 * failure of either side is told to the other, and nobody else wants to know.
 */
export async function splice(
  socket: Deno.TcpConn,
  connection: TcpConnection,
): Promise<void> {
  const side = new OwnedSocket(socket);
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
  const sides = [new OwnedSocket(a), new OwnedSocket(b)];
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
        await memoryMayBeFree();
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

/**
 * Larger after a read that filled its block, smaller after a read that left most of it.
 */
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
