/**
 * What never ends, at any place where strangers' bytes are read, leaves others their time.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FakeStream } from "./edge/_fake_stream.ts";
import { farewell } from "./edge/farewell.ts";
import type { ByteStream } from "./edge/stream.ts";
import { converse } from "./dns/conversation.ts";
import { HttpProxy } from "./http/proxy.ts";

/** How long each floods, and what of that another may wait. */
const FLOOD_MS = 300;
const LONGEST_MS = 150;

/** A stream that says `beginning`, then `again` as often as it is read, until `isOver`. */
class Endless extends FakeStream {
  readonly #again: Uint8Array;
  readonly #isOver: () => boolean;
  #beginning: Uint8Array;
  #at = 0;

  constructor(beginning: string, again: Uint8Array, isOver: () => boolean) {
    super();
    this.#beginning = new TextEncoder().encode(beginning);
    this.#again = again;
    this.#isOver = isOver;
  }

  override read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    if (this.ends.includes("reset") || this.ends.includes("close")) {
      return super.read(into);
    }
    if (this.#beginning.length > 0) {
      const { length } = this.#beginning;
      into.set(this.#beginning);
      this.#beginning = new Uint8Array();
      return Promise.resolve(length);
    }
    if (this.#isOver()) return Promise.resolve(null);
    const part = this.#again.subarray(this.#at, this.#at + into.length);
    into.set(part);
    this.#at = (this.#at + part.length) % this.#again.length;
    return Promise.resolve(part.length);
  }

  override async write(bytes: Uint8Array): Promise<void> {
    await super.write(bytes);
    this.writes.length = 0;
  }
}

/** A server that takes what it is sent, and answers nothing. */
class Sink extends FakeStream {
  override async write(bytes: Uint8Array): Promise<void> {
    await super.write(bytes);
    this.writes.length = 0;
  }
}

/** Runs something while a timer looks how long it has to wait. */
async function beside(flood: (isOver: () => boolean) => Promise<unknown>) {
  const until = performance.now() + FLOOD_MS;
  let longest = 0;
  let last = performance.now();
  const look = () => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  };
  const timer = setInterval(look, 1);
  await flood(() => performance.now() >= until);
  clearInterval(timer);
  look();
  assert.ok(longest < LONGEST_MS, `nothing else ran for ${longest} ms`);
}

function repeated(text: string, size = 262_144): Uint8Array {
  return new TextEncoder().encode(text.repeat(Math.ceil(size / text.length)));
}

/** A proxy with one client and one server. */
async function proxied(client: ByteStream, server: ByteStream): Promise<void> {
  const ended = new AbortController();
  const connector = { connect: () => Promise.resolve(server) };
  const proxy = new HttpProxy({ connector, signal: ended.signal });
  await proxy.serveStream(client);
  ended.abort();
}

const POST =
  "POST http://web/ HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n";
const GET = "GET http://web/ HTTP/1.1\r\nHost: web\r\n\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

Deno.test("empty lines in front of a request", () =>
  beside((isOver) =>
    proxied(new Endless("", repeated("\r\n"), isOver), new FakeStream())
  ));

Deno.test("chunks of one byte in a request", () =>
  beside((isOver) =>
    proxied(
      new Endless(POST, repeated("1\r\nx\r\n"), isOver),
      new Sink(),
    )
  ));

for (const [name, chunk] of [["", "1\r\nx\r\n"], [" with extensions", "1;a\r\nx\r\n"]]) {
  Deno.test(`chunks of one byte${name} in an answer`, () =>
    beside((isOver) =>
      proxied(
        new FakeStream().send(GET, null),
        new Endless(CHUNKED, repeated(chunk!), isOver),
      )
    ));
}

Deno.test("an answer without an end", () =>
  beside((isOver) =>
    proxied(
      new FakeStream().send(GET, null),
      new Endless("HTTP/1.1 200 OK\r\n\r\n", repeated("x"), isOver),
    )
  ));

Deno.test("refused requests on one connection", () =>
  beside((isOver) =>
    proxied(
      new Endless("", repeated("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"), isOver),
      new FakeStream(),
    )
  ));

Deno.test("a tunnel between streams of any kind", () =>
  beside((isOver) => {
    const client = new Endless("CONNECT web:80 HTTP/1.1\r\n\r\n", repeated("x"), isOver);
    return proxied(client, new Endless("", repeated("y"), isOver));
  }));

Deno.test("what those say who are let go", () =>
  beside((isOver) => farewell(new Endless("", repeated("x", 4096), isOver))));

Deno.test("questions for the name server", () => {
  const question = "\0\x1d\0\x01\x01\0\0\x01\0\0\0\0\0\0\x03web\x04mesh\0\0\x01\0\x01";
  const bytes = repeated(
    question.replace("\x1d", String.fromCharCode(question.length - 2)),
  );
  return beside((isOver) =>
    converse(new Endless("", bytes, isOver), {
      names: new Map([["web.mesh", 0x7f000001]]),
      namesOf: () => [],
      upstream: { ask: () => Promise.reject(new Error("nobody knows")) },
    })
  );
});
