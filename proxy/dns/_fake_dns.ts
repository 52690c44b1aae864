/**
 * DNS by hand for tests: packets that the code under test had no part in, and a server.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import { SocketStream } from "../edge/stream.ts";

/** The content of a query; `name` is cut at its dots. */
export interface QueryParts {
  readonly id?: number;
  readonly name: string;
  readonly type?: number;
  readonly class?: number;
  readonly flags?: number;
  /** The bytes of an OPT record's options; with them there is such a record. */
  readonly options?: readonly number[];
  readonly ednsVersion?: number;
}

/** A record of an answer, under the name of the question unless another is given. */
export interface RecordParts {
  readonly name?: string;
  readonly type: number;
  readonly ttl?: number;
  readonly data: readonly number[];
}

/** The content of an answer. */
export interface AnswerParts {
  readonly rcode?: number;
  readonly flags?: number;
  readonly answers?: readonly RecordParts[];
  readonly authorities?: readonly RecordParts[];
}

/** A 16-bit number as bytes. */
export function word(number: number): number[] {
  return [number >>> 8 & 255, number & 255];
}

/** The bytes of a name in a message. */
export function nameBytes(name: string): number[] {
  const labels = name.split(".").filter((label) => label !== "");
  const bytes = labels.flatMap((label) => [
    new TextEncoder().encode(label).length,
    ...new TextEncoder().encode(label),
  ]);
  return [...bytes, 0];
}

/** The four bytes of an address. */
export function ipBytes(address: string): number[] {
  return address.split(".").map(Number);
}

/** A query, of type A and with recursion desired unless `parts` says otherwise. */
export function queryOf(parts: QueryParts): Uint8Array<ArrayBuffer> {
  const { id = 0x1234, name, type = 1, class: klass = 1, flags = 0x0100, options } =
    parts;
  return Uint8Array.from([
    ...word(id),
    ...word(flags),
    ...word(1),
    ...word(0),
    ...word(0),
    ...word(options ? 1 : 0),
    ...nameBytes(name),
    ...word(type),
    ...word(klass),
    ...(options
      ? [
        ...[0, ...word(41), ...word(4096), 0, parts.ednsVersion ?? 0, 0x80, 0],
        ...[...word(options.length), ...options],
      ]
      : []),
  ]);
}

/** Where the question of `message` ends. */
export function questionEnd(message: Uint8Array): number {
  let at = 12;
  while (message[at] !== 0) at += 1 + message[at]!;
  return at + 5;
}

/** The answer to `query`; names of records point at the question where they can. */
export function answerOf(
  query: Uint8Array,
  parts: AnswerParts = {},
): Uint8Array<ArrayBuffer> {
  const records = (list: readonly RecordParts[] = []) =>
    list.flatMap(({ name, type, ttl = 100, data }) => [
      ...(name === undefined ? [0xc0, 12] : nameBytes(name)),
      ...word(type),
      ...word(1),
      ...word(ttl >>> 16),
      ...word(ttl),
      ...word(data.length),
      ...data,
    ]);
  return Uint8Array.from([
    ...query.subarray(0, 2),
    ...word(0x8180 | (parts.flags ?? 0) | (parts.rcode ?? 0)),
    ...word(1),
    ...word(parts.answers?.length ?? 0),
    ...word(parts.authorities?.length ?? 0),
    ...word(0),
    ...query.subarray(12, questionEnd(query)),
    ...records(parts.answers),
    ...records(parts.authorities),
  ]);
}

/** The data of an SOA record with this last number. */
export function soaBytes(minimum: number): number[] {
  const numbers = [1, 2, 3, 4, minimum].flatMap((n) => [...word(n >>> 16), ...word(n)]);
  return [...nameBytes("ns.test"), ...nameBytes("root.test"), ...numbers];
}

/** Two ends of a connection over loopback. */
export async function socketPair(): Promise<
  { readonly near: SocketStream; readonly far: SocketStream } & Disposable
> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [near, far] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  listener.close();
  const pair = { near: new SocketStream(near), far: new SocketStream(far) };
  return {
    ...pair,
    [Symbol.dispose]: () => {
      pair.near.close();
      pair.far.close();
    },
  };
}

/** The answers of a {@linkcode FakeServer}. */
export interface FakeAnswers {
  /** Datagrams sent back for a query; `other` goes out from another port. */
  readonly udp?: (query: Uint8Array) => readonly (Uint8Array | { other: Uint8Array })[];
  /** The answer over TCP; without an answer the connection is closed. */
  readonly tcp?: (query: Uint8Array) => Uint8Array | undefined;
}

/** A DNS server on loopback that answers as told. */
export interface FakeServer extends AsyncDisposable {
  /** As in a list of servers: `127.0.0.1:5353`. */
  readonly address: string;
  /** Queries over UDP, and over TCP. */
  readonly asked: { readonly udp: Uint8Array[]; readonly tcp: Uint8Array[] };
}

/** Starts a server, with UDP and TCP at one port. */
export async function fakeServer(
  answers: FakeAnswers,
  hostname: "127.0.0.1" | "::1" = "127.0.0.1",
): Promise<FakeServer> {
  const family = hostname === "::1" ? "udp6" : "udp4";
  const asked = { udp: [] as Uint8Array[], tcp: [] as Uint8Array[] };
  const udp = createSocket(family);
  const other = createSocket(family);
  const bound = (socket: typeof udp, port: number) =>
    new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.bind(port, hostname, () => resolve());
    });
  // TCP first: its ports are in use more often than those of UDP.
  const listener = Deno.listen({ hostname, port: 0 });
  const { port } = listener.addr;
  await Promise.all([bound(udp, port), bound(other, 0)]);
  udp.on("message", (query, from) => {
    asked.udp.push(Uint8Array.from(query));
    for (const answer of answers.udp?.(Uint8Array.from(query)) ?? []) {
      const [socket, bytes] = answer instanceof Uint8Array
        ? [udp, answer]
        : [other, answer.other];
      socket.send(Buffer.from(bytes), from.port, from.address);
    }
  });
  const serving = (async () => {
    for await (const connection of listener) {
      const buffer = new Uint8Array(65_537);
      let filled = 0;
      while (filled < 2 || filled < 2 + (buffer[0]! << 8 | buffer[1]!)) {
        const read = await connection.read(buffer.subarray(filled));
        if (read === null) break;
        filled += read;
      }
      const query = buffer.slice(2, filled);
      asked.tcp.push(query);
      const answer = answers.tcp?.(query);
      if (answer) {
        const piece = Uint8Array.from([...word(answer.length), ...answer]);
        // In two parts, as a network may cut the message.
        await connection.write(piece.subarray(0, 1));
        await connection.write(piece.subarray(1));
      }
      connection.close();
    }
  })();
  return {
    address: hostname === "::1" ? `[::1]:${port}` : `127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      udp.close();
      other.close();
      listener.close();
      await serving;
    },
  };
}
