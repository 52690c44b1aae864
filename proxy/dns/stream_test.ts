import assert from "node:assert/strict";
import { socketPair, word } from "./_fake_dns.ts";
import { MessageStream } from "./stream.ts";

Deno.test("messages arrive whole, however the stream cuts them", async () => {
  using pair = await socketPair();
  const sent = [0, 1, 12, 1022, 1023, 65_535, 40].map((length) =>
    new Uint8Array(length).map((_, i) => i + length)
  );
  const run = Uint8Array.from(
    sent.flatMap((bytes) => [...word(bytes.length), ...bytes]),
  );
  const writing = (async () => {
    for (let at = 0, size = 1; at < run.length; at += size, size = 2 * size % 5000 + 1) {
      await pair.near.write(run.subarray(at, at + size));
    }
    await pair.near.write(Uint8Array.of(0, 9, 1)); // cut short
    await pair.near.closeWrite();
  })();
  const messages = new MessageStream(pair.far);
  for (const message of sent) assert.deepEqual(await messages.read(), message);
  assert.equal(await messages.read(), null);
  await writing;
});

Deno.test("a message with an id and no whole header is a header that asks nothing", async () => {
  using pair = await socketPair();
  const sent = [2, 3, 11].map((length) => new Uint8Array(length).fill(length));
  for (const bytes of sent) {
    await pair.near.write(Uint8Array.from([...word(bytes.length), ...bytes]));
  }
  const messages = new MessageStream(pair.far);
  for (const { length } of sent) {
    const header = Uint8Array.from([length, length, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual(await messages.read(), header);
  }
});

Deno.test("messages written at one time go out one after the other", async () => {
  using pair = await socketPair();
  const out = new MessageStream(pair.near);
  const sent = Array.from({ length: 50 }, (_, i) => new Uint8Array(20_000).fill(i));
  const writing = Promise.all(sent.map((message) => out.write(message)));
  const messages = new MessageStream(pair.far);
  for (const message of sent) assert.deepEqual(await messages.read(), message);
  await writing;
});
