/**
 * The role of many connections at once that have to go on: each sends until it is told to stop,
 * and what an echo sends back is compared by its sha256.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { pause } from "../scene/wait.ts";
import type { Role } from "./peer.ts";
import { pieces } from "./peer_data.ts";
import { dial, endingOf, readFull, readToEnd, writeAll } from "./peer_tcp.ts";

const TELL_MS = 100;
/** Bytes of a connection at a time, and the pause behind them. */
const BURST_BYTES = 4096;
const PAUSE_MS = 50;
/** Bytes of a connection that may be under way, so that a busy machine only gets slower. */
const MOST_UNDER_WAY = 65_536;

/**
 * `endure ADDRESS PORT COUNT [PROXY_ADDRESS PROXY_PORT]`: until SIGUSR2, to an `echo`, through
 * an HTTP proxy if there is one; `moved` tells the least bytes that a connection received
 * since the last time, `done` how many got back all they sent.
 */
const endure: Role = async ([address, port, count, ...proxy], tell) => {
  let isOver = false;
  Deno.addSignalListener("SIGUSR2", () => isOver = true);
  const conns = await Promise.all(
    Array.from({ length: Number(count) }, () => open([address!, port!], proxy)),
  );
  const received = conns.map(() => 0);
  let before = [...received];
  const timer = setInterval(() => {
    const least = Math.min(...received.map((bytes, index) => bytes - before[index]!));
    if (least === 0) return;
    before = [...received];
    tell({ event: "moved", least });
  }, TELL_MS);
  const wrong: string[] = [];
  await Promise.all(conns.map(async (conn, index) => {
    const [sent, back] = [createHash("sha256"), createHash("sha256")];
    let bytesSent = 0;
    try {
      const sending = (async () => {
        for (const piece of pieces(Number.MAX_SAFE_INTEGER, index + 1)) {
          while (!isOver && bytesSent - received[index]! > MOST_UNDER_WAY) {
            await pause(PAUSE_MS);
          }
          if (isOver) break;
          const burst = piece.subarray(0, BURST_BYTES);
          sent.update(burst);
          bytesSent += burst.length;
          await writeAll(conn, burst);
          await pause(PAUSE_MS);
        }
        await conn.closeWrite();
      })();
      sending.catch(() => {}); // told by the other direction
      const ending = await readToEnd(conn, (bytes) => {
        back.update(bytes);
        received[index]! += bytes.length;
      });
      if (ending !== "end" || !isOver) throw new Error(`its end: ${ending}`);
      await sending;
      if (sent.digest("hex") !== back.digest("hex")) throw new Error("other bytes came");
    } catch (error) {
      wrong.push(`connection ${index}: ${endingOf(error)}`);
    }
    conn.close();
  }));
  clearInterval(timer);
  tell({ event: "done", whole: conns.length - wrong.length, wrong: wrong.slice(0, 10) });
};

/** Connects, by CONNECT if there is a proxy. */
async function open(
  [address, port]: [string, string],
  [proxy, proxyPort]: readonly string[],
): Promise<Deno.TcpConn> {
  if (proxy === undefined) return await dial(address, Number(port));
  const conn = await dial(proxy, Number(proxyPort));
  const target = `${address}:${port}`;
  const head = `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`;
  await writeAll(conn, new TextEncoder().encode(head));
  let answer = "";
  const byte = new Uint8Array(1);
  while (!answer.endsWith("\r\n\r\n")) {
    await readFull(conn, byte);
    answer += String.fromCharCode(byte[0]!);
  }
  if (!answer.startsWith("HTTP/1.1 200 ")) throw new Error(answer);
  return conn;
}

export const enduringRoles: Record<string, Role> = { endure };
