/**
 * The echo service of the benchmark: echo.ts PORT, on 127.0.0.1.
 *
 * Its buffers are small, for ten thousand connections at a time; a connection that fills
 * its buffer gets a large one.
 *
 * @module
 */
import { writeAll } from "../tests/harness/peers/peer_tcp.ts";

const BUFFER_BYTES = 4 * 1024;
const LARGE_BYTES = 256 * 1024;

async function serve(conn: Deno.TcpConn): Promise<void> {
  using _ = conn;
  conn.setNoDelay(true);
  let buffer = new Uint8Array(BUFFER_BYTES);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) return;
    await writeAll(conn, buffer.subarray(0, count));
    if (count === BUFFER_BYTES) buffer = new Uint8Array(LARGE_BYTES);
  }
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
console.log("listening");
for (;;) {
  try {
    serve(await listener.accept()).catch(() => {}); // the client left
  } catch (error) {
    // Thrown for a client that reset before it was accepted.
    if (!(error instanceof Deno.errors.NotConnected)) throw error;
  }
}
