/**
 * Two relays without a stack: `near` listens and starts `far`, which dials; connections share
 * the two pipes between them. The same hops as those of a mesh from the manager to a host,
 * with the same calls of the runtime, and nothing else: no TCP, no addresses, no fairness,
 * no window, nothing that is checked. So its figures are the floor for those of a mesh.
 *
 * ```
 * deno run -A bench/bare_relay.ts near LISTEN:DIAL…
 * ```
 *
 * Messages are `id (2), kind (1), unused (1), length (4)` and so many bytes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import { enlargePipes } from "../transports/command/pipe_size.ts";

const HEADER = 8;
const READ_BYTES = 256 * 1024;
const SOCKET_BYTES = 64 * 1024;
const Kind = { OPEN: 0, OPENED: 1, DATA: 2, END: 3 } as const;

type Send = (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
type Take = (id: number, kind: number, payload: Uint8Array<ArrayBuffer>) => void;

function message(id: number, kind: number, payload = new Uint8Array()) {
  const bytes = new Uint8Array(HEADER + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  view.setUint8(2, kind);
  view.setUint32(4, payload.length);
  bytes.set(payload, HEADER);
  return bytes;
}

/** Takes chunks, and gives the messages in them. */
function decoder(take: Take): (chunk: Uint8Array) => void {
  let rest = new Uint8Array();
  return (chunk) => {
    let bytes = chunk;
    if (rest.length > 0) {
      bytes = new Uint8Array(rest.length + chunk.length);
      bytes.set(rest);
      bytes.set(chunk, rest.length);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    while (bytes.length - at >= HEADER) {
      const end = at + HEADER + view.getUint32(at + 4);
      if (end > bytes.length) break;
      take(view.getUint16(at), view.getUint8(at + 2), bytes.slice(at + HEADER, end));
      at = end;
    }
    rest = bytes.slice(at);
  };
}

/** The connections of one end. */
class Connections {
  readonly #send: Send;
  readonly #open = new Map<number, Deno.TcpConn>();

  constructor(send: Send) {
    this.#send = send;
  }

  add(id: number, connection: Deno.TcpConn): void {
    connection.setNoDelay();
    this.#open.set(id, connection);
  }

  /** Sends what comes, until the end. */
  async read(id: number): Promise<void> {
    const connection = this.#open.get(id)!;
    const buffer = new Uint8Array(SOCKET_BYTES);
    for (;;) {
      const count = await connection.read(buffer).catch(() => null);
      if (count === null) return await this.#send(message(id, Kind.END));
      await this.#send(message(id, Kind.DATA, buffer.subarray(0, count)));
    }
  }

  async write(id: number, bytes: Uint8Array): Promise<void> {
    const connection = this.#open.get(id);
    for (let at = 0; connection && at < bytes.length;) {
      at += await connection.write(bytes.subarray(at)).catch(() => bytes.length);
    }
  }

  end(id: number): void {
    try {
      this.#open.get(id)?.close();
    } catch {
      // The other side was first.
    }
    this.#open.delete(id);
  }
}

/** What comes for a connection is written in order. */
function inOrder(
  connections: Connections,
): (id: number, work: Uint8Array | "end") => void {
  const last = new Map<number, Promise<void>>();
  return (id, work) => {
    const before = last.get(id);
    const next = async () => {
      if (before) await before;
      if (work === "end") connections.end(id);
      else await connections.write(id, work);
    };
    last.set(id, next());
    if (work === "end") last.delete(id);
  };
}

async function near(ports: readonly string[]): Promise<void> {
  const { pathname } = new URL(import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", pathname, "far"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  enlargePipes(child.pid);
  const writer = child.stdin.getWriter();
  const connections = new Connections((bytes) => writer.write(bytes));
  const put = inOrder(connections);
  let last = 0;
  for (const pair of ports) {
    const [listen = 0, dial = 0] = pair.split(":").map(Number);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: listen });
    (async () => {
      for await (const connection of listener) {
        const id = ++last & 0xffff;
        connections.add(id, connection);
        writer.write(message(id, Kind.OPEN, new Uint8Array([dial >> 8, dial & 255])));
      }
    })();
  }
  const decode = decoder((id, kind, payload) => {
    if (kind === Kind.OPENED) connections.read(id);
    else if (kind === Kind.DATA) put(id, payload);
    else put(id, "end");
  });
  const reader = child.stdout.getReader({ mode: "byob" });
  for (let buffer = new ArrayBuffer(READ_BYTES);;) {
    const { value } = await reader.read(new Uint8Array(buffer));
    if (!value?.length) return;
    decode(value);
    buffer = value.buffer;
  }
}

function far(): void {
  const output = new Socket({ fd: 1, readable: false, writable: true });
  const send: Send = (bytes) =>
    new Promise((resolve) => output.write(Buffer.from(bytes.buffer), () => resolve()));
  const connections = new Connections(send);
  const put = inOrder(connections);
  const decode = decoder((id, kind, payload) => {
    if (kind === Kind.OPEN) open(id, payload[0]! << 8 | payload[1]!);
    else if (kind === Kind.DATA) put(id, payload);
    else put(id, "end");
  });
  const open = async (id: number, port: number) => {
    connections.add(id, await Deno.connect({ hostname: "127.0.0.1", port }));
    await send(message(id, Kind.OPENED));
    await connections.read(id);
  };
  const input = new Uint8Array(READ_BYTES);
  new Socket({
    fd: 0,
    readable: true,
    writable: false,
    onread: {
      buffer: () => input,
      callback(count, bytes) {
        decode(bytes.subarray(0, count));
        return true;
      },
    },
  }).on("end", () => Deno.exit(0)).resume();
}

const [end, ...ports] = Deno.args;
if (end === "near") await near(ports);
else far();
