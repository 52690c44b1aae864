/**
 * Clients that wear a proxy out: `slow_clients.ts KIND ADDRESS:PORT COUNT`.
 *
 * Of the kinds `http` and `socks`, which never come to the end of their request, each
 * client sends a byte every half second; `flood` never ends a header, as fast as the
 * proxy takes the bytes. Prints a JSON object a line: `open` when all are connected, and
 * `done` with a SlowReport when the proxy has ended them all.
 *
 * @module
 */
import { dial, endingOf, readToEnd, writeAll } from "./peer_tcp.ts";
import { pause } from "../scene/wait.ts";

/** The fate of the clients. */
export interface SlowReport {
  /** How many got each answer; `nothing` for those that were just ended. */
  readonly answers: Readonly<Record<string, number>>;
  /** When the first and the last of them were ended, in milliseconds. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** The most bytes that any of them could send. */
  readonly mostSent: number;
}

const BYTE_EVERY_MS = 500;
/**
 * Connections that are opened at once: fewer than a listener has waiting. Of more, a kernel may
 * drop one whose client believes to be connected, and says nothing by which it would notice.
 */
const AT_ONCE = 200;
/** Far more than any limit of a header, should there be none. */
const FLOOD_BYTES = 256 * 2 ** 20;

/** How clients of a kind begin, each in its turn; later bytes are always the same. */
const BEGINNINGS: Record<string, readonly Uint8Array[]> = {
  http: ["", "GET http://web:8080/", "GET http://web:8080/ HTTP/1.1\r\nHost: web\r\nX: "]
    .map((text) => new TextEncoder().encode(text)),
  // Among 255 methods; in a user id of SOCKS 4; in a name of 200 characters.
  socks: [[], [5, 255], [4, 1, 0, 80, 0, 0, 0, 1], [5, 1, 0, 5, 1, 0, 3, 200]]
    .map((bytes) => Uint8Array.from(bytes)),
  flood: [new TextEncoder().encode("GET http://web:8080/ HTTP/1.1\r\nX: ")],
};

async function main(kind: string, where: string, count: number): Promise<void> {
  const [address, port] = where.split(":");
  const beginnings = BEGINNINGS[kind]!;
  const filler = new Uint8Array(kind === "flood" ? 65_536 : 1).fill(0x61);
  const conns: Deno.TcpConn[] = [];
  while (conns.length < count) {
    const length = Math.min(AT_ONCE, count - conns.length);
    const dials = Array.from({ length }, () => dial(address!, Number(port)));
    conns.push(...await Promise.all(dials));
  }
  console.log(JSON.stringify({ event: "open" }));
  const began = performance.now();
  const all = await Promise.all(conns.map(async (conn, index) => {
    using _conn = conn;
    let answer = "";
    let ended = false;
    let sent = 0;
    const send = async () => {
      const beginning = beginnings[index % beginnings.length]!;
      await writeAll(conn, beginning);
      // The first kind of them says nothing at all.
      while (beginning.length > 0 && !ended && sent < FLOOD_BYTES) {
        await writeAll(conn, filler);
        sent += filler.length;
        if (kind !== "flood") await pause(BYTE_EVERY_MS);
      }
    };
    const sending = send().catch(endingOf);
    await readToEnd(conn, (bytes) => {
      answer += new TextDecoder().decode(bytes);
    });
    ended = true;
    const ms = performance.now() - began;
    await sending;
    return { answer: /^HTTP\/1.1 (\d+)/.exec(answer)?.[1] ?? "nothing", ms, sent };
  }));
  const answers: Record<string, number> = {};
  for (const { answer } of all) answers[answer] = (answers[answer] ?? 0) + 1;
  const report: SlowReport = {
    answers,
    firstMs: Math.min(...all.map(({ ms }) => ms)),
    lastMs: Math.max(...all.map(({ ms }) => ms)),
    mostSent: Math.max(...all.map(({ sent }) => sent)),
  };
  console.log(JSON.stringify({ event: "done", ...report }));
}

if (import.meta.main) {
  const [kind, where, count] = Deno.args;
  await main(kind!, where!, Number(count));
}
