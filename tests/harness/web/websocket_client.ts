/**
 * A WebSocket client (RFC 6455) that reaches its server through a proxy, which Deno's own
 * cannot: `websocket_client.ts WAY PROXY AUTHORITY PATH`, where the way is
 * `absolute`, `tunnel` or `socks`.
 *
 * Expects a server that greets with `hello` and sends all back. Prints a JSON object, a
 * WebSocketReport.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { pieces } from "../peers/peer_data.ts";
import { dial, readFull, writeAll } from "../peers/peer_tcp.ts";

/** A client's observations. */
export interface WebSocketReport {
  /**
   * The first line of the answer to its handshake, and whether the answer proves a
   * WebSocket.
   */
  readonly status: string;
  readonly isProven: boolean;
  /** The server's words before the client's first. */
  readonly greeting: string;
  /** Small messages that came back right. */
  readonly small: number;
  /** The echo of a message in three fragments, with a ping among them. */
  readonly fragments: string;
  readonly pong: string;
  /** Large messages that came back right; all are on their way at the same time. */
  readonly large: number;
  /** The server's answer to the close, and then the end or further words. */
  readonly close: string;
  readonly after: "end" | string;
}

export const SMALL = 100;
export const LARGE = 8;
const LARGE_BYTES = 2 * 2 ** 20;

const enum Opcode {
  CONTINUATION = 0,
  TEXT = 1,
  BINARY = 2,
  CLOSE = 8,
  PING = 9,
  PONG = 10,
}

/** A client's frame, which is masked. */
function frame(opcode: Opcode, payload: Uint8Array, isFinal = true): Uint8Array {
  const { length } = payload;
  const head = Buffer.alloc(14);
  head[0] = (isFinal ? 0x80 : 0) | opcode;
  let at = 2;
  if (length < 126) head[1] = 0x80 | length;
  else if (length < 65_536) {
    head[1] = 0x80 | 126;
    at = head.writeUInt16BE(length, 2);
  } else {
    head[1] = 0x80 | 127;
    at = head.writeBigUInt64BE(BigInt(length), 2);
  }
  const mask = randomBytes(4);
  mask.copy(head, at);
  const masked = payload.map((byte, index) => byte ^ mask[index & 3]!);
  return Buffer.concat([head.subarray(0, at + 4), masked]);
}

/** The next frame of the server. */
async function readFrame(
  conn: Deno.TcpConn,
): Promise<{ opcode: number; payload: Buffer }> {
  const take = async (count: number) => {
    const bytes = Buffer.alloc(count);
    await readFull(conn, bytes);
    return bytes;
  };
  const head = await take(2);
  // The server of these tests sends whole messages, and no mask (RFC 6455, 5.1).
  if ((head[0]! & 0x80) === 0) throw new Error("a fragment");
  if ((head[1]! & 0x80) !== 0) throw new Error("a mask");
  let length = head[1]! & 0x7f;
  if (length === 126) length = (await take(2)).readUInt16BE();
  else if (length === 127) length = Number((await take(8)).readBigUInt64BE());
  return { opcode: head[0]! & 0x0f, payload: await take(length) };
}

/** A header of HTTP, to the empty line and not a byte further. */
async function readHead(conn: Deno.TcpConn): Promise<string> {
  let text = "";
  const byte = new Uint8Array(1);
  while (!text.endsWith("\r\n\r\n")) {
    await readFull(conn, byte);
    text += String.fromCharCode(byte[0]!);
  }
  return text;
}

/** Asks the proxy for a tunnel, unless the way is `absolute`. */
async function enter(conn: Deno.TcpConn, way: string, authority: string): Promise<void> {
  const [name, port] = authority.split(":");
  if (way === "tunnel") {
    const request = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
    await writeAll(conn, Buffer.from(request));
    const head = await readHead(conn);
    if (!head.startsWith("HTTP/1.1 200")) throw new Error(head);
  }
  if (way === "socks") {
    const said = Buffer.from([5, 1, 0, 5, 1, 0, 3, name!.length, ...Buffer.from(name!)]);
    const where = Buffer.from([Number(port) >> 8, Number(port) & 255]);
    await writeAll(conn, Buffer.concat([said, where]));
    const reply = new Uint8Array(12);
    await readFull(conn, reply);
    if (reply[3] !== 0) throw new Error(`SOCKS 5 replied ${reply[3]}`);
  }
}

async function talk(
  conn: Deno.TcpConn,
  { way, authority, path }: { way: string; authority: string; path: string },
): Promise<WebSocketReport> {
  await enter(conn, way, authority);
  const key = randomBytes(16).toString("base64");
  const lines = [
    `GET ${way === "absolute" ? `http://${authority}${path}` : path} HTTP/1.1`,
    `Host: ${authority}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
  ];
  await writeAll(conn, Buffer.from(`${lines.join("\r\n")}\r\n\r\n`));
  const head = await readHead(conn);
  if (!head.startsWith("HTTP/1.1 101")) throw new Error(head);
  const proof = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  const isProven = /^sec-websocket-accept: *(\S+)/im.exec(head)?.[1] === proof;
  const send = (opcode: Opcode, payload: Uint8Array, isFinal?: boolean) =>
    writeAll(conn, frame(opcode, payload, isFinal));
  const text = async () => (await readFrame(conn)).payload.toString();

  const greeting = await text();
  let small = 0;
  for (let number = 0; number < SMALL; number++) {
    await send(Opcode.TEXT, Buffer.from(`message ${number}`));
    if (await text() === `message ${number}`) small++;
  }

  await send(Opcode.TEXT, Buffer.from("in "), false);
  await send(Opcode.CONTINUATION, Buffer.from("three "), false);
  await send(Opcode.PING, Buffer.from("there?"));
  await send(Opcode.CONTINUATION, Buffer.from("parts"));
  const two = [await readFrame(conn), await readFrame(conn)];
  const of = (wanted: Opcode) =>
    two.find(({ opcode }) => opcode === wanted)?.payload.toString() ?? "";

  const messages = Array.from(
    { length: LARGE },
    (_, index) => {
      // `pieces` uses its buffer again.
      const copies = pieces(LARGE_BYTES, index + 1).map((piece) => piece.slice());
      return Buffer.concat([...copies]);
    },
  );
  let large = 0;
  await Promise.all([
    (async () => {
      for (const message of messages) await send(Opcode.BINARY, message);
    })(),
    (async () => {
      for (const message of messages) {
        const { opcode, payload } = await readFrame(conn);
        if (opcode === Opcode.BINARY && payload.equals(message)) large++;
      }
    })(),
  ]);

  await send(Opcode.CLOSE, Buffer.from([4001 >> 8, 4001 & 255]));
  const { opcode, payload } = await readFrame(conn);
  const close = opcode === Opcode.CLOSE
    ? `${payload.readUInt16BE()}`
    : `opcode ${opcode}`;
  const after = await conn.read(new Uint8Array(1)) === null ? "end" : "more";
  const fragments = of(Opcode.TEXT);
  const pong = of(Opcode.PONG);
  const status = head.split("\r\n")[0]!;
  return { status, isProven, greeting, small, fragments, pong, large, close, after };
}

if (import.meta.main) {
  const [way, proxy, authority, path] = Deno.args;
  const [address, port] = proxy!.split(":");
  using conn = await dial(address!, Number(port));
  const target = { way: way!, authority: authority!, path: path! };
  console.log(JSON.stringify(await talk(conn, target)));
}
