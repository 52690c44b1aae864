/**
 * A web server for the benchmark of the proxies, by hand so that the server is
 * never the bottleneck: `/bulk` answers with endless zeros, any other path with one line.
 *
 * Keeps connections.
 *
 * @module
 */

const [hostname, port] = Deno.args;
const SHORT = new TextEncoder().encode(
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n",
);
const BULK = new TextEncoder().encode(
  "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
);
const ZEROS = new Uint8Array(256 * 1024);

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function serve(connection: Deno.TcpConn): Promise<void> {
  using _ = connection;
  connection.setNoDelay();
  const buffer = new Uint8Array(16 * 1024);
  const decoder = new TextDecoder("latin1");
  let text = "";
  for (;;) {
    const got = await connection.read(buffer);
    if (got === null) return;
    text += decoder.decode(buffer.subarray(0, got));
    const heads = text.split("\r\n\r\n");
    text = heads.pop()!;
    for (const head of heads) {
      if (!head.includes(" /bulk")) await writeAll(connection, SHORT);
      else {
        await writeAll(connection, BULK);
        for (;;) await writeAll(connection, ZEROS);
      }
    }
  }
}

const listener = Deno.listen({ hostname: hostname!, port: Number(port) });
console.log("listening");
for await (const connection of listener) {
  serve(connection).catch(() => {}); // the client left
}
