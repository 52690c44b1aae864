import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { Origin } from "../http/_fake_http.ts";
import { HttpPeer } from "../http/_fake_http_peer.ts";
import { FakeStream } from "./_fake_stream.ts";
import { AheadSocket } from "./ahead_socket.ts";
import { dial } from "./dial.ts";
import { ReadAhead } from "./read_ahead.ts";
import { canReset } from "./reset.ts";
import { SocketStream } from "./stream.ts";
import { turns } from "./turns.ts";

/** Both ends of a connection: a client, and the socket that is read ahead. */
async function pair(origin: Origin): Promise<{ client: HttpPeer; socket: Deno.TcpConn }> {
  const client = new HttpPeer(await dial("127.0.0.1", origin.port));
  return { client, socket: (await origin.peer()).socket };
}

/** A server that leaves its connections to the test. */
class Passive extends Origin {
  readonly #ended: PromiseWithResolvers<void>;

  constructor() {
    const ended = Promise.withResolvers<void>();
    super(() => ended.promise);
    this.#ended = ended;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.resolve();
    await super[Symbol.asyncDispose]();
  }
}

/** What `socket` brings in reads of these sizes, and whether that was its end. */
async function readAll(socket: Deno.TcpConn, size: number): Promise<string> {
  let text = "";
  const into = new Uint8Array(size);
  for (;;) {
    const got = await socket.read(into);
    if (got === null) return text;
    assert.ok(got > 0 && got <= size);
    text += new TextDecoder("latin1").decode(into.subarray(0, got));
  }
}

for (const size of [1, 7, 65_536]) {
  Deno.test(`reads of ${size} bytes bring all that was read ahead, and what follows`, async () => {
    await using origin = new Passive();
    const { client, socket } = await pair(origin);
    const ahead = new ReadAhead(new SocketStream(socket), new Uint8Array([97, 98]));
    ahead.onEnd = () => assert.fail();
    ahead.watch();
    await client.send("cdefghijk".repeat(2000));
    const behind = new AheadSocket(socket, ahead);
    const reading = readAll(behind, size);
    await client.send("lmn");
    await client.closeWrite();
    assert.ok(await reading === `ab${"cdefghijk".repeat(2000)}lmn`);
    client.close();
  });
}

Deno.test("a client that sends and sends is read up to a limit", async () => {
  await using origin = new Passive();
  const { client, socket } = await pair(origin);
  const ahead = new ReadAhead(new SocketStream(socket));
  ahead.onEnd = () => assert.fail();
  ahead.watch();
  const text = "0123456789abcdef".repeat(500_000);
  const sending = client.send(text).then(() => client.closeWrite());
  await until("the limit", () => ahead.size >= 65_536);
  assert.equal(ahead.size, 65_536);
  assert.ok(!ahead.isReading);
  assert.ok(await readAll(new AheadSocket(socket, ahead), 65_536) === text);
  await sending;
  client.close();
});

Deno.test("bytes that are skipped make room for others", async () => {
  const stream = new FakeStream().send("x".repeat(100_000), null);
  const ahead = new ReadAhead(stream);
  ahead.watch();
  await until("the limit", () => ahead.size === 65_536);
  assert.equal(stream.bytesRead, 65_536);
  ahead.consume(60_000);
  await until("the end", () => ahead.ended === null);
  assert.equal(ahead.size, 40_000);
});

Deno.test("who waits for more is told of bytes, of the end, and may be interrupted", async () => {
  const stream = new FakeStream({ step: 3 }).send("abcd");
  const ahead = new ReadAhead(stream);
  ahead.onBytes = ahead.onEnd = () => assert.fail("somebody waits");
  await ahead.fill();
  await ahead.fill();
  assert.equal(new TextDecoder().decode(ahead.held), "abcd");
  const waiting = ahead.fill();
  ahead.interrupt();
  await waiting;
  assert.equal(ahead.ended, undefined);
  const last = ahead.fill();
  stream.send(null);
  await last;
  assert.equal(ahead.ended, null);
  await ahead.fill();
});

Deno.test("a failure of the stream is its end", async () => {
  const stream = new FakeStream().send(new Error("torn"));
  const ahead = new ReadAhead(stream);
  const told = Promise.withResolvers<void>();
  ahead.onEnd = told.resolve;
  ahead.watch();
  await told.promise;
  assert.equal(ahead.ended?.message, "torn");
});

Deno.test("a client that left is told apart from one that sent all it has", async () => {
  for (
    const [sent, how, isGone] of [
      ["", "close", true],
      ["x", "close", false],
      ["", "reset", true],
      ["x", "reset", canReset()],
    ] as const
  ) {
    await using origin = new Passive();
    const { client, socket } = await pair(origin);
    const first = new TextEncoder().encode(sent);
    const ahead = new ReadAhead(new SocketStream(socket), first);
    ahead.watch();
    client[how]();
    await until("the end", () => ahead.ended !== undefined);
    assert.equal(!!ahead.ended || ahead.size === 0, isGone);
    const behind = new AheadSocket(socket, ahead);
    if (how === "close" || !canReset()) assert.equal(await readAll(behind, 10), sent);
    else await assert.rejects(readAll(behind, 10));
  }
});

Deno.test("who waits for bytes whose turn has not come can be interrupted, once", async () => {
  const stream = new FakeStream().send("abc");
  const ahead = new ReadAhead(stream);
  let line: Promise<void> | undefined;
  while (!line) line = turns.next();
  let settled = 0;
  const fill = () => ahead.fill().then(() => void settled++);
  const first = fill();
  while (ahead.size === 0) await Promise.resolve();
  await Promise.resolve();
  assert.equal(settled, 0);
  ahead.interrupt();
  await first;
  const second = fill();
  await line;
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(settled, 1, "the turn of the first was taken for that of the second");
  stream.send("d");
  await second;
  assert.equal(ahead.size, 4);
});

Deno.test("a large buffer is earned by more than a header may have", async () => {
  const stream = new FakeStream();
  const ahead = new ReadAhead(stream);
  const header = 65_536;
  for (let left = header; left > 0;) {
    stream.send(new Uint8Array(left));
    await ahead.fill();
    left -= ahead.size;
    ahead.consume(ahead.size);
  }
  void ahead.fill();
  assert.ok(Math.max(...stream.buffers) <= header, `${stream.buffers}`);
  for (let reads = 0; reads < 4; reads++) {
    stream.send(new Uint8Array(262_144));
    await ahead.fill();
    ahead.consume(ahead.size);
  }
  assert.equal(Math.max(...stream.buffers), 262_144);
});
