/**
 * The server of a soak, `server.ts ADDRESS`: does for each connection, and for each HTTP
 * request, the work that the leading transfer asks for.
 *
 * Prints `{"event":"listening"}`, and a ServerReport for each transfer, a line each.
 *
 * @module
 */
import { HandshakeError, HandshakeReader } from "../../proxy/socks/handshake_reader.ts";
import { SocketStream } from "../../proxy/edge/stream.ts";
import { endingOf } from "../harness/peers/peer_tcp.ts";
import { converse } from "./conversation.ts";
import { Checker, pieces } from "./pattern.ts";
import type { ServerReport, Side, Transfer } from "./transfer.ts";
import { HTTP_PORT, lineOf, PLAIN_PORT } from "./ways.ts";

function tell(side: Side): void {
  const report: ServerReport = { event: "served", ended: Date.now(), ...side };
  console.log(JSON.stringify(report));
}

async function serve(conn: Deno.TcpConn): Promise<void> {
  let transfer: Transfer;
  const reader = new HandshakeReader(new SocketStream(conn));
  try {
    conn.setNoDelay(true);
    transfer = JSON.parse(await lineOf(reader));
  } catch (error) {
    // The client was lost, or reset, before its first word: nothing to account for.
    if (error instanceof SyntaxError) throw error;
    if (!(error instanceof HandshakeError)) endingOf(error);
    conn.close();
    return;
  }
  tell(await converse(conn, transfer, "server", reader.rest));
}

async function listen(hostname: string): Promise<void> {
  const listener = Deno.listen({ hostname, port: PLAIN_PORT });
  for (;;) {
    try {
      serve(await listener.accept());
    } catch (error) {
      // A connection was reset before `accept`; the listener is well.
      if (!(error instanceof Deno.errors.NotConnected)) throw error;
    }
  }
}

async function answer(request: Request): Promise<Response> {
  const asked = request.headers.get("x-soak");
  // Somebody looks whether we can be reached.
  if (asked === null) return new Response(null, { status: 204 });
  const transfer: Transfer = JSON.parse(asked);
  const { id, seed, up, down } = transfer;
  const checker = new Checker(seed);
  let ending = "end";
  try {
    for await (const bytes of request.body ?? []) checker.take(bytes);
  } catch (error) {
    ending = endingOf(error);
  }
  const { received, wrongAt } = checker;
  // Only a whole body ends well: a shorter body must not look whole.
  tell({ id, received, ...(wrongAt !== undefined && { wrongAt }), ending });
  if (ending !== "end" || received !== up) {
    return new Response("incomplete", { status: 400 });
  }
  const body = ReadableStream.from(
    (function* () {
      for (const piece of pieces(seed + 1, down)) yield piece.slice();
    })(),
  );
  return new Response(body, { headers: { "content-length": `${down}` } });
}

if (import.meta.main) {
  const [hostname = "127.0.0.1"] = Deno.args;
  const listening = listen(hostname);
  Deno.serve({ hostname, port: HTTP_PORT, onListen: () => {} }, answer);
  console.log(JSON.stringify({ event: "listening" }));
  await listening;
}
