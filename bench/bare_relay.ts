/**
 * Relays without a stack: `near` listens and starts `far`, which dials; connections share the
 * two pipes between them. The same hops as those of a mesh from the manager to a host, with
 * the same calls of the runtime, and nothing else: no TCP, no addresses, no fairness, no
 * window, nothing that is checked. So its figures are the floor for those of a mesh. The
 * hops from host to host are those of `between`, which starts `first`, which listens, and
 * `far`, and copies from the one to the other.
 *
 * ```
 * deno run -A bench/bare_relay.ts near LISTEN:DIAL…
 * deno run -A bench/bare_relay.ts between LISTEN:DIAL…
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

/** Starts an end with pipes. */
function start(...args: readonly string[]): Deno.ChildProcess {
  const { pathname } = new URL(import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", pathname, ...args],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  enlargePipes(child.pid);
  return child;
}

/** Gives each read of the output of an end to `take`, to the last. */
async function readFrom(
  { stdout }: Deno.ChildProcess,
  take: (bytes: Uint8Array<ArrayBuffer>) => Promise<void> | void,
): Promise<void> {
  const reader = stdout.getReader({ mode: "byob" });
  for (let buffer = new ArrayBuffer(READ_BYTES);;) {
    const { value } = await reader.read(new Uint8Array(buffer));
    if (!value?.length) return;
    await take(value);
    buffer = value.buffer;
  }
}

/** Calls `take` with each read of standard input; ends the process with it. */
function readInput(take: (bytes: Uint8Array) => void): void {
  const input = new Uint8Array(READ_BYTES);
  new Socket({
    fd: 0,
    readable: true,
    writable: false,
    onread: {
      buffer: () => input,
      callback(count, bytes) {
        take(bytes.subarray(0, count));
        return true;
      },
    },
  }).on("end", () => Deno.exit(0)).resume();
}

function toOutput(): Send {
  const output = new Socket({ fd: 1, readable: false, writable: true });
  return (bytes) =>
    new Promise((resolve) => output.write(Buffer.from(bytes.buffer), () => resolve()));
}

/** Listens, and gives what takes the messages of the other end. */
function listening(ports: readonly string[], send: Send): (chunk: Uint8Array) => void {
  const connections = new Connections(send);
  const put = inOrder(connections);
  let last = 0;
  for (const pair of ports) {
    const [listen = 0, dial = 0] = pair.split(":").map(Number);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: listen });
    (async () => {
      for await (const connection of listener) {
        const id = ++last & 0xffff;
        connections.add(id, connection);
        send(message(id, Kind.OPEN, new Uint8Array([dial >> 8, dial & 255])));
      }
    })();
  }
  return decoder((id, kind, payload) => {
    if (kind === Kind.OPENED) connections.read(id);
    else if (kind === Kind.DATA) put(id, payload);
    else put(id, "end");
  });
}

/** Dials, and gives what takes the messages of the other end. */
function dialling(send: Send): (chunk: Uint8Array) => void {
  const connections = new Connections(send);
  const put = inOrder(connections);
  const open = async (id: number, port: number) => {
    connections.add(id, await Deno.connect({ hostname: "127.0.0.1", port }));
    await send(message(id, Kind.OPENED));
    await connections.read(id);
  };
  return decoder((id, kind, payload) => {
    if (kind === Kind.OPEN) open(id, payload[0]! << 8 | payload[1]!);
    else if (kind === Kind.DATA) put(id, payload);
    else put(id, "end");
  });
}

async function between(ports: readonly string[]): Promise<void> {
  const [first, last] = [start("first", ...ports), start("far")];
  const copy = async (from: Deno.ChildProcess, to: Deno.ChildProcess) => {
    const writer = to.stdin.getWriter();
    await readFrom(from, (bytes) => writer.write(bytes));
  };
  await Promise.all([copy(first, last), copy(last, first)]);
}

const [end, ...ports] = Deno.args;
if (end === "between") await between(ports);
else if (end === "near") {
  const child = start("far");
  const writer = child.stdin.getWriter();
  await readFrom(child, listening(ports, (bytes) => writer.write(bytes)));
} else if (end === "first") readInput(listening(ports, toOutput()));
else readInput(dialling(toOutput()));
