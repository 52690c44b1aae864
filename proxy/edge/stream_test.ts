import assert from "node:assert/strict";
import { Network } from "../../stack/_network.ts";
import { socketPair } from "../dns/_fake_dns.ts";
import { canReset, resetsDone } from "./reset.ts";
import { type ByteStream, MeshStream } from "./stream.ts";

/** Two ends of an open connection over two stacks. */
async function meshPair() {
  const network = new Network();
  const [a, b] = [await network.add("127.0.42.1"), await network.add("127.0.42.2")];
  const near = a.stack.connect(b.address, 80);
  await network.settle();
  const far = b.arrived[0]!;
  far.accept();
  await network.settle();
  await near.opened();
  return { network, near: new MeshStream(near), far: new MeshStream(far), a, b };
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);

async function read(stream: ByteStream, most = 100): Promise<string | null> {
  const into = new Uint8Array(most);
  const got = await stream.read(into);
  return got === null ? null : text(into.subarray(0, got));
}

Deno.test("bytes pass over the mesh in parts as small as asked for, until the end", async () => {
  const { network, near, far } = await meshPair();
  await near.write(bytes("hello"));
  await near.closeWrite();
  await network.settle();
  assert.equal(await read(far, 2), "he");
  assert.equal(await read(far), "llo");
  assert.equal(await read(far), null);
  assert.equal(await read(far), null, "it stays at the end");
  await far.write(bytes("back"));
  await network.settle();
  assert.equal(await read(near), "back", "the other direction goes on");
  near.close();
  far.close();
  await network.settle();
});

Deno.test("a write of any size is taken whole, as the peer reads", async () => {
  const { network, near, far } = await meshPair();
  const all = crypto.getRandomValues(new Uint8Array(65_536));
  const sent = new Uint8Array(6 * 1024 * 1024);
  for (let at = 0; at < sent.length; at += all.length) sent.set(all, at);
  let isWritten = false;
  const writing = near.write(sent).then(() => isWritten = true);
  await network.settle();
  assert.equal(isWritten, false, "the peer has not read yet");
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let got = 0; got < sent.length;) {
    const into = new Uint8Array(1 << 20);
    const count = (await far.read(into))!;
    parts.push(into.subarray(0, count));
    got += count;
    await network.settle();
  }
  await writing;
  assert.deepEqual(await new Blob(parts).bytes(), sent);
  near.reset();
  far.reset();
  await network.settle();
});

for (const how of ["close", "reset"] as const) {
  Deno.test(`${how} of a stream of the mesh settles what waits and rejects what follows`, async () => {
    const { network, near, far } = await meshPair();
    const reading = assert.rejects(read(near));
    const full = assert.rejects(near.write(new Uint8Array(16 * 1024 * 1024)));
    await network.settle();
    near[how]();
    await Promise.all([reading, full]);
    await network.settle();
    await assert.rejects(async () => {
      while (await read(far, 65_536) !== null);
    }, "the peer sees a reset, since not all was delivered");
    for (const again of ["close", "reset"] as const) near[again]();
    await assert.rejects(read(near));
    await assert.rejects(near.write(bytes("x")));
    await assert.rejects(near.closeWrite());
    far.close();
    await network.settle();
  });
}

Deno.test("close after both ends delivers what was written", async () => {
  const { network, near, far } = await meshPair();
  await far.closeWrite();
  await network.settle();
  assert.equal(await read(near), null);
  await near.write(bytes("last words"));
  await near.closeWrite();
  near.close();
  await network.settle();
  assert.equal(await read(far), "last words");
  assert.equal(await read(far), null);
  far.close();
  await network.settle();
});

Deno.test("a reset of the peer rejects reads and writes", async () => {
  const { network, near, far } = await meshPair();
  const reading = assert.rejects(read(near), { reason: "reset" });
  far.reset();
  await network.settle();
  await reading;
  await assert.rejects(near.write(bytes("x")), { reason: "reset" });
  near.close();
  await network.settle();
});

Deno.test("a socket as a stream keeps the same contract", async () => {
  using pair = await socketPair();
  const { near, far } = pair;
  await near.write(bytes("hello"));
  await near.closeWrite();
  assert.equal(await read(far), "hello");
  assert.equal(await read(far), null);
  await far.write(bytes("back"));
  assert.equal(await read(near), "back");
  const reading = assert.rejects(read(near));
  near.close();
  await reading;
  near.reset();
  near.close();
  await assert.rejects(read(near));
  await assert.rejects(near.write(bytes("x")));
  await assert.rejects(near.closeWrite());
});

Deno.test({
  name: "a reset that a write was told of is no end for a read",
  ignore: !canReset(),
  async fn() {
    using pair = await socketPair();
    const { near, far } = pair;
    far.reset();
    await resetsDone();
    await assert.rejects(near.write(bytes("hello")), Deno.errors.ConnectionReset);
    await assert.rejects(near.read(new Uint8Array(10)), Deno.errors.ConnectionReset);
  },
});
