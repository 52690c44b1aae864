/**
 * Clients that send as much as is taken, for some seconds: `pressing_clients.ts KIND
 * ADDRESS:PORT SECONDS`. A connection that is ended is followed by the next.
 *
 * KIND is `lines` (empty ones, to an HTTP proxy), `upload` or `download` (chunks of a
 * byte through a proxy, to or from a server of this program), `refused` (requests that
 * the proxy refuses, all at once), `questions` (of DNS, for a name of the mesh) or
 * `bytes`. Prints a JSON object a line: `open` at the beginning, and `done` with a
 * PressReport.
 *
 * @module
 */
import { dial, readToEnd, writeAll } from "./peer_tcp.ts";

/** The fate of the clients. */
export interface PressReport {
  /** Bytes that were taken, and that came. */
  readonly sent: number;
  readonly got: number;
  /** Connections made, one after another. */
  readonly connections: number;
}

const PIECE = 1 << 18;
const SIDE_BY_SIDE = 4;

function repeated(text: string): Uint8Array {
  return new TextEncoder().encode(text.repeat(Math.ceil(PIECE / text.length)));
}

const CHUNKS = repeated("1\r\nx\r\n");
const NOTHING = new Uint8Array();

/** The first bytes of a client of a kind, and the bytes then sent again and again. */
function wordsOf(kind: string, port: number): { first: string; again: Uint8Array } {
  const head = `http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n`;
  switch (kind) {
    case "lines":
      return { first: "", again: repeated("\r\n") };
    case "upload":
      return { first: `POST ${head}Transfer-Encoding: chunked\r\n\r\n`, again: CHUNKS };
    case "download":
      return { first: `GET ${head}\r\n`, again: NOTHING };
    case "refused":
      return { first: "", again: repeated("GET /x HTTP/1.1\r\nHost: x\r\n\r\n") };
    case "bytes":
      return { first: "", again: repeated("x") };
    case "questions": {
      const text = "\0\x01\x01\0\0\x01\0\0\0\0\0\0\x03web\0\0\x01\0\x01";
      return {
        first: "",
        again: repeated(`\0${String.fromCharCode(text.length)}${text}`),
      };
    }
  }
  throw new Error(`no kind ${kind}`);
}

/** A server of HTTP: takes all that comes, or sends tiny chunks without an end. */
async function serve(listener: Deno.TcpListener, kind: string): Promise<void> {
  for await (const conn of listener) {
    const send = async () => {
      if (kind !== "download") return;
      const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
      await writeAll(conn, new TextEncoder().encode(head));
      for (;;) await writeAll(conn, CHUNKS);
    };
    Promise.all([send().catch(() => {}), readToEnd(conn, () => {})])
      .finally(() => conn.close());
  }
}

async function main(kind: string, where: string, seconds: number): Promise<void> {
  const [address, port] = where.split(":");
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  serve(listener, kind);
  const { first, again } = wordsOf(kind, listener.addr.port);
  const until = performance.now() + seconds * 1000;
  const report = { sent: 0, got: 0, connections: 0 };
  const one = async () => {
    while (performance.now() < until) {
      using conn = await dial(address!, Number(port));
      report.connections++;
      const timer = setTimeout(
        () => conn.close(),
        Math.max(0, until - performance.now()),
      );
      const reading = readToEnd(conn, (bytes) => void (report.got += bytes.length));
      try {
        await writeAll(conn, new TextEncoder().encode(first));
        while (again.length > 0) {
          await writeAll(conn, again);
          report.sent += again.length;
        }
      } catch { // the connection was ended
      }
      await reading;
      clearTimeout(timer);
    }
  };
  console.log(JSON.stringify({ event: "open" }));
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one));
  console.log(JSON.stringify({ event: "done", ...report }));
  Deno.exit(0);
}

if (import.meta.main) {
  const [kind, where, seconds] = Deno.args;
  await main(kind!, where!, Number(seconds));
}
