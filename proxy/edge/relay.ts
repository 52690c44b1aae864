/**
 * Relay: joins two sockets of the kernel, for a forward of this machine that is asked for
 * on this machine.
 *
 * @module
 */
import { HalfOpen } from "./half_open.ts";
import { SocketStream } from "./stream.ts";
import { turns } from "./turns.ts";

/**
 * Carries bytes between the sockets until both directions have ended, then closes both;
 * resets them when `signal` is aborted. Never rejects.
 */
export async function relay(
  a: Deno.TcpConn,
  b: Deno.TcpConn,
  signal: AbortSignal,
): Promise<void> {
  const [one, other] = [new SocketStream(a), new SocketStream(b)];
  const sides = [one, other];
  const breakBoth = () => sides.forEach((side) => side.reset());
  if (signal.aborted) breakBoth();
  signal.addEventListener("abort", breakBoth);
  const halfOpen = new HalfOpen(breakBoth);
  await Promise.all(
    [copy(one, other, halfOpen), copy(other, one, halfOpen)].map((direction) =>
      direction.catch(breakBoth).then(() => halfOpen.begin())
    ),
  );
  halfOpen.end();
  signal.removeEventListener("abort", breakBoth);
  for (const side of sides) side.close();
}

async function copy(
  from: SocketStream,
  to: SocketStream,
  traffic: HalfOpen,
): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const got = await from.read(buffer);
    if (got === null) return await to.closeWrite();
    traffic.parts++;
    const turn = turns.next(); // both ends may be quicker than we are
    if (turn) await turn;
    await to.write(buffer.subarray(0, got));
  }
}
