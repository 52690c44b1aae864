import assert from "node:assert/strict";
import { until } from "../tests/harness/wait.ts";
import { Origin, Peer } from "./_fake_http.ts";
import { dial } from "./dial.ts";
import { ReadAhead } from "./read_ahead.ts";
import { canReset } from "./reset.ts";

/** Both ends of a connection: a client, and the socket that is read ahead. */
async function pair(origin: Origin): Promise<{ client: Peer; socket: Deno.TcpConn }> {
  const client = new Peer(await dial("127.0.0.1", origin.port));
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
    const ahead = new ReadAhead(socket, new Uint8Array([97, 98]), () => assert.fail());
    await client.send("cdefghijk".repeat(2000));
    ahead.giveBack();
    ahead.giveBack();
    const reading = readAll(socket, size);
    await client.send("lmn");
    await client.closeWrite();
    assert.ok(await reading === `ab${"cdefghijk".repeat(2000)}lmn`);
    assert.ok(!Object.hasOwn(socket, "read"), "the socket reads as ever");
    client.close();
  });
}

Deno.test("a client that sends and sends is read up to a limit", async () => {
  await using origin = new Passive();
  const { client, socket } = await pair(origin);
  let taken = 0;
  const read = socket.read.bind(socket);
  socket.read = async (into) => {
    const got = await read(into);
    taken += got ?? 0;
    return got;
  };
  const ahead = new ReadAhead(socket, new Uint8Array(), () => assert.fail());
  const text = "0123456789abcdef".repeat(500_000);
  const sending = client.send(text).then(() => client.closeWrite());
  await until("the limit", () => taken >= 65_536);
  assert.equal(taken, 65_536);
  Reflect.deleteProperty(socket, "read");
  ahead.giveBack();
  assert.ok(await readAll(socket, 65_536) === text);
  await sending;
  client.close();
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
    const gone: Error[] = [];
    const ahead = new ReadAhead(
      socket,
      new TextEncoder().encode(sent),
      (error) => gone.push(error),
    );
    client[how]();
    if (isGone) await until("the word of it", () => gone.length === 1);
    ahead.giveBack();
    if (how === "close") assert.equal(await readAll(socket, 10), sent);
    else if (canReset()) await assert.rejects(readAll(socket, 10));
    assert.equal(gone.length, isGone ? 1 : 0);
  }
});
