/**
 * A web server of long downloads: `download_origin.ts PORT`.
 *
 * `/BYTES` has that many bytes, those of `pieces` with SEED; `/endless/NAME` goes on for
 * ever.
 *
 * Plain sockets carry the downloads, so that the reported number of bytes taken is exact.
 * Prints a JSON object a line: `listening`, then for each endless download every 100
 * ms `pushed`, and `left` when its client has gone.
 *
 * @module
 */
import { pieces } from "../peers/peer_data.ts";
import { endingOf, writeAll } from "../peers/peer_tcp.ts";

/** The seed for `pieces`. */
export const SEED = 11;

/** Room for the header of a request; a proxy adds some lines to curl's. */
const HEAD_BYTES = 8192;

function tell(report: Record<string, unknown>): void {
  console.log(JSON.stringify(report));
}

/** The path of a request, read to the end of its header; none if the client left. */
async function pathOf(conn: Deno.TcpConn): Promise<string | undefined> {
  const head = new Uint8Array(HEAD_BYTES);
  let length = 0;
  for (;;) {
    const count = await conn.read(head.subarray(length));
    if (count === null) return undefined;
    length += count;
    const text = new TextDecoder().decode(head.subarray(0, length));
    if (text.includes("\r\n\r\n")) return text.split(" ")[1];
    if (length === HEAD_BYTES) throw new Error("a header that long");
  }
}

/** Sends until the client has gone, and tells how many bytes were taken. */
async function pushEndlessly(conn: Deno.TcpConn, name: string): Promise<void> {
  const piece = new Uint8Array(64 * 1024).fill(0x61);
  let bytes = 0;
  const timer = setInterval(() => tell({ event: "pushed", name, bytes }), 100);
  try {
    for (;;) {
      await writeAll(conn, piece);
      bytes += piece.length;
    }
  } catch (error) {
    tell({ event: "left", name, bytes, ending: endingOf(error) });
  } finally {
    clearInterval(timer);
  }
}

async function serve(conn: Deno.TcpConn): Promise<void> {
  using _conn = conn;
  const path = await pathOf(conn);
  if (path === undefined) return;
  const [, first = "", name = ""] = path.split("/");
  const isEndless = first === "endless";
  const length = isEndless ? "" : `Content-Length: ${first}\r\n`;
  const head = `HTTP/1.1 200 OK\r\n${length}Connection: close\r\n\r\n`;
  await writeAll(conn, new TextEncoder().encode(head));
  if (isEndless) return await pushEndlessly(conn, name);
  for (const piece of pieces(Number(first), SEED)) await writeAll(conn, piece);
  await conn.closeWrite();
}

if (import.meta.main) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
  tell({ event: "listening" });
  for await (const conn of listener) {
    serve(conn).catch((error) => tell({ event: "failed", ending: endingOf(error) }));
  }
}
