/**
 * Upstream: what a client of a proxy was connected to, and the joining of the two.
 *
 * @module
 */
import { relay, splice } from "./edge/splice.ts";
import { type MeshStream, SocketStream } from "./edge/stream.ts";

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
