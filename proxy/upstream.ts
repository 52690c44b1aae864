/**
 * Upstream: the far side of a client's connection through a proxy, and the joining of the
 * two.
 *
 * @module
 */
import { relay } from "./edge/relay.ts";
import { splice } from "./edge/splice.ts";
import { type MeshStream, SocketStream } from "./edge/stream.ts";

/** The connection made for a client of a proxy. */
export type Upstream = SocketStream | MeshStream;

/**
 * Carries bytes between a client and its upstream until both directions have
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
