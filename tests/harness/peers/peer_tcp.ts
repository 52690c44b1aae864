/**
 * How a peer's TCP connection ends, and the ways to read until then.
 *
 * @module
 */

/** How a connection ended, as seen by the application on this side. */
export type Ending = "end" | "reset" | "refused" | "unreachable" | "timeout" | string;

/** The name of the error of an operation on a socket. */
export function endingOf(error: unknown): Ending {
  if (error instanceof Deno.errors.ConnectionReset) return "reset";
  if (error instanceof Deno.errors.BrokenPipe) return "reset";
  if (error instanceof Deno.errors.ConnectionRefused) return "refused";
  if (error instanceof Deno.errors.TimedOut) return "timeout";
  const code = (error as { code?: string }).code;
  if (code === "ECONNRESET" || code === "EPIPE") return "reset";
  if (code === "ECONNREFUSED") return "refused";
  if (code === "ENETUNREACH" || code === "EHOSTUNREACH") return "unreachable";
  return `${code ?? error}`;
}

/** Reads until the other side ends or resets, giving each piece to `take`. */
export async function readToEnd(
  conn: Deno.TcpConn,
  take: (bytes: Uint8Array) => void | Promise<void>,
): Promise<Ending> {
  const buffer = new Uint8Array(256 * 1024);
  try {
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) return "end";
      await take(buffer.subarray(0, count));
    }
  } catch (error) {
    return endingOf(error);
  }
}

/** Writes all bytes; a single write may be partial. */
export async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += await conn.write(bytes.subarray(done));
  }
}

/** Reads exactly as much as `into` holds; an end before that is an error. */
export async function readFull(conn: Deno.TcpConn, into: Uint8Array): Promise<void> {
  for (let done = 0; done < into.length;) {
    const count = await conn.read(into.subarray(done));
    if (count === null) throw new Error(`the stream ended after ${done} bytes`);
    done += count;
  }
}

/** Dials as an application would: without Nagle's delay. */
export async function dial(hostname: string, port: number): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname, port });
  conn.setNoDelay(true);
  return conn;
}
