/**
 * The ways into the mesh: each opens a connection from the client's host to a target.
 *
 * @module
 */
import { HandshakeReader } from "../../proxy/socks/handshake_reader.ts";
import { SocketStream } from "../../proxy/edge/stream.ts";
import { dial, writeAll } from "../harness/peers/peer_tcp.ts";
import { PROXIES } from "../harness/web/ways.ts";

/** Where a client may go. */
export interface Target {
  /** The hosts on the way, without the client's and the manager's. */
  readonly hosts: readonly string[];
  /** The target's name or address, as told to a proxy. */
  readonly name: string;
  /** The address dialled without a proxy; absent where only proxies lead there. */
  readonly vip?: string;
}

/** Ports of the servers there: for plain connections and for HTTP. */
export const PLAIN_PORT = 9000;
export const HTTP_PORT = 9080;

/** An open connection, and bytes that came already behind a proxy's answer. */
export interface Opened {
  readonly conn: Deno.TcpConn;
  readonly early: Uint8Array;
}

/** A proxy said no. */
export class Refused extends Error {
  override readonly name = "Refused";
}

type Open = (target: Target) => Promise<Opened>;

const encoder = new TextEncoder();
const LONGEST_LINE = 8192;
const LINE_FEED = 10;

/** Dials a proxy and lets `ask` speak there. */
async function through(
  { listen }: { readonly listen: string },
  ask: (conn: Deno.TcpConn, reader: HandshakeReader) => Promise<void>,
): Promise<Opened> {
  const [address, port] = listen.split(":");
  const conn = await dial(address!, Number(port));
  try {
    const reader = new HandshakeReader(new SocketStream(conn));
    await ask(conn, reader);
    return { conn, early: reader.rest };
  } catch (error) {
    conn.close();
    throw error;
  }
}

/** A line without its end. */
export async function lineOf(reader: HandshakeReader): Promise<string> {
  const bytes = await reader.until(LINE_FEED, LONGEST_LINE);
  return new TextDecoder("latin1").decode(bytes).replace(/\r$/, "");
}

/** The lines of a header, the first line apart. */
export async function headOf(
  reader: HandshakeReader,
): Promise<{ start: string; fields: Map<string, string> }> {
  const start = await lineOf(reader);
  const fields = new Map<string, string>();
  for (let line; (line = await lineOf(reader)) !== "";) {
    const at = line.indexOf(":");
    fields.set(line.slice(0, at).toLowerCase(), line.slice(at + 1).trim());
  }
  return { start, fields };
}

const port16 = (port: number) => [port >> 8, port & 255];

/** Ways that carry any bytes, by name. */
export const TUNNELS: Readonly<Record<string, Open>> = {
  loopback: async ({ vip }) => ({
    conn: await dial(vip!, PLAIN_PORT),
    early: new Uint8Array(),
  }),
  connect: ({ name }) =>
    through(PROXIES.http, async (conn, reader) => {
      const authority = `${name}:${PLAIN_PORT}`;
      const text = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
      await writeAll(conn, encoder.encode(text));
      const { start } = await headOf(reader);
      if (!/^HTTP\/1.1 200 /.test(start)) throw new Refused(start);
    }),
  socks4a: ({ name }) =>
    through(PROXIES.socks, async (conn, reader) => {
      const head = [4, 1, ...port16(PLAIN_PORT), 0, 0, 0, 1];
      const names = encoder.encode(`soak\0${name}\0`);
      await writeAll(conn, Uint8Array.from([...head, ...names]));
      const [, code] = await reader.take(8);
      if (code !== 90) throw new Refused(`SOCKS 4 ${code}`);
    }),
  socks5: ({ name }) =>
    through(PROXIES.socks, async (conn, reader) => {
      await writeAll(conn, Uint8Array.of(5, 1, 0));
      await reader.take(2);
      const bytes = encoder.encode(name);
      const request = [5, 1, 0, 3, bytes.length, ...bytes, ...port16(PLAIN_PORT)];
      await writeAll(conn, Uint8Array.from(request));
      const [, code] = await reader.take(10);
      if (code !== 0) throw new Refused(`SOCKS 5 ${code}`);
    }),
};

/** The ways that lead to a target; `http` is the absolute form. */
export function waysTo({ vip }: Target): string[] {
  const tunnels = Object.keys(TUNNELS).filter((way) =>
    vip !== undefined || way !== "loopback"
  );
  return [...tunnels, "http"];
}
