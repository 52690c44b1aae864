/**
 * Join: a socket of this machine and a connection of the stack that is not open yet.
 *
 * @module
 */
import { resetConnection } from "../proxy/edge/reset.ts";
import { splice } from "../proxy/edge/splice.ts";
import type { TcpConnection } from "../stack/tcp.ts";

/**
 * Carries bytes between the two, once the connection is open, until both directions have
 * ended. If the connection does not open, the socket is reset. Never rejects.
 */
export function join(socket: Deno.TcpConn, connection: TcpConnection): Promise<void> {
  // No suspended function for as long as the connection lives.
  return connection.opened().then(() => splice(socket, connection), () => {
    resetConnection(socket);
    connection.release();
  });
}
