/**
 * A transfer as a request to the HTTP proxy in absolute form: the client's side.
 *
 * @module
 */
import { HandshakeReader } from "../../proxy/socks/handshake_reader.ts";
import { SocketStream } from "../../proxy/edge/stream.ts";
import { dial, endingOf, writeAll } from "../harness/peers/peer_tcp.ts";
import { PROXIES } from "../harness/web/ways.ts";
import { Checker, pieces } from "./pattern.ts";
import type { Side, Transfer } from "./transfer.ts";
import { headOf, HTTP_PORT, Refused, type Target } from "./ways.ts";

/**
 * Nothing moved for so long: the longest gap is some 30 s. A transfer as a whole has no limit,
 * since a link may be away for most of its time.
 */
const STANDSTILL_MS = 120_000;
const encoder = new TextEncoder();

/** Sends the request, checks the answer. Rejects only if there is no connection. */
export async function ask(target: Target, transfer: Transfer): Promise<Side> {
  const [address, port] = PROXIES.http.listen.split(":");
  const conn = await dial(address!, Number(port));
  const checker = new Checker(transfer.seed + 1);
  let ending: string;
  try {
    await movingOn((moved) => exchange(conn, target, transfer, { checker, moved }));
    ending = "end";
  } catch (error) {
    ending = error instanceof Refused ? error.message : endingOf(error);
  } finally {
    conn.close();
  }
  const { received, wrongAt } = checker;
  return { id: transfer.id, received, ...(wrongAt !== undefined && { wrongAt }), ending };
}

/** Rejects if the work has moved nothing for too long. */
async function movingOn(work: (moved: () => void) => Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const begin = () =>
    setTimeout(() => {
      reject(new Error(`nothing moved for ${STANDSTILL_MS / 1000} s`));
    }, STANDSTILL_MS);
  let timer = begin();
  const moved = () => {
    clearTimeout(timer);
    timer = begin();
  };
  try {
    await Promise.race([promise, work(moved)]);
  } finally {
    clearTimeout(timer);
  }
}

interface Checks {
  readonly checker: Checker;
  /** Called whenever some bytes were written or read. */
  readonly moved: () => void;
}

async function exchange(
  conn: Deno.TcpConn,
  { name }: Target,
  transfer: Transfer,
  { checker, moved }: Checks,
): Promise<void> {
  const { seed, up, down } = transfer;
  // Half of them say their length, the others come in chunks.
  const isChunked = seed % 2 === 0;
  const authority = `${name}:${HTTP_PORT}`;
  const head = [
    `POST http://${authority}/soak HTTP/1.1`,
    `Host: ${authority}`,
    `X-Soak: ${JSON.stringify(transfer)}`,
    isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${up}`,
    "Connection: close",
  ];
  const send = async () => {
    await writeAll(conn, encoder.encode(head.join("\r\n") + "\r\n\r\n"));
    for (const piece of pieces(seed, up)) {
      if (isChunked) {
        await writeAll(conn, encoder.encode(`${piece.length.toString(16)}\r\n`));
      }
      await writeAll(conn, piece);
      moved();
      if (isChunked) await writeAll(conn, encoder.encode("\r\n"));
    }
    if (isChunked) await writeAll(conn, encoder.encode("0\r\n\r\n"));
  };
  // A proxy that refuses does not read on: its answer counts, not the write that fails.
  const sending = send().catch((error: unknown) => error);
  const reader = new HandshakeReader(new SocketStream(conn));
  const { start, fields } = await headOf(reader);
  if (!/^HTTP\/1.1 200 /.test(start)) throw new Refused(start);
  const length = Number(fields.get("content-length") ?? NaN);
  if (length !== down) throw new Error(`a length of ${length}, wanted ${down}`);
  checker.take(reader.rest);
  const buffer = new Uint8Array(65_536);
  while (checker.received < down) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error(`the body ended after ${checker.received} bytes`);
    checker.take(buffer.subarray(0, count));
    moved();
  }
  const failure = await sending;
  if (failure !== undefined) throw failure;
}
