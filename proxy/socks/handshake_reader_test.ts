import assert from "node:assert/strict";
import { FakeStream } from "../edge/_fake_stream.ts";
import { HandshakeError, HandshakeReader } from "./handshake_reader.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("bytes are taken by number, however they come", async () => {
  for (const step of [1, 2, 3, 100]) {
    const reader = new HandshakeReader(new FakeStream({ step }).send("abc", "d", "efg"));
    assert.equal(text(await reader.take(1)), "a");
    assert.equal(text(await reader.take(0)), "");
    assert.equal(text(await reader.take(5)), "bcdef");
    assert.equal(text(await reader.take(1)), "g");
    assert.equal(reader.rest.length, 0);
  }
});

Deno.test("bytes are taken up to a value, which is no part of them", async () => {
  for (const step of [1, 2, 3, 100]) {
    const reader = new HandshakeReader(new FakeStream({ step }).send("ab\0\0cd\0e"));
    assert.equal(text(await reader.until(0, 255)), "ab");
    assert.equal(text(await reader.until(0, 255)), "");
    assert.equal(text(await reader.take(1)), "c");
    assert.equal(text(await reader.until(0, 255)), "d");
    assert.equal(text(await reader.take(1)), "e");
  }
});

Deno.test("a field may have as many bytes as allowed and not one more", async () => {
  for (const step of [1, 100]) {
    const reader = new HandshakeReader(new FakeStream({ step }).send("abcd\0rest"));
    assert.equal(text(await reader.until(0, 4)), "abcd");
    const other = new HandshakeReader(new FakeStream({ step }).send("abcde\0"));
    await assert.rejects(other.until(0, 4), {
      name: "HandshakeError",
      message: "a field of more than 4 bytes",
    });
  }
});

Deno.test("a field without an end is not waited for beyond its limit", async () => {
  const stream = new FakeStream().send("abcde"); // and then nothing
  await assert.rejects(new HandshakeReader(stream).until(0, 4), HandshakeError);
  assert.equal(stream.reading, false);
});

Deno.test("what was read and not taken is kept", async () => {
  const reader = new HandshakeReader(new FakeStream().send("abc", "def"));
  assert.equal(reader.rest.length, 0);
  await reader.take(1);
  assert.equal(text(reader.rest), "bc");
  assert.equal(text(reader.rest), "bc", "it is not taken by looking");
  await reader.take(3);
  assert.equal(text(reader.rest), "ef");
});

Deno.test("what was taken stays as it is when more is read", async () => {
  const reader = new HandshakeReader(new FakeStream().send("ab", "cd"));
  const first = await reader.take(1);
  const { rest } = reader;
  assert.equal(text(await reader.take(3)), "bcd");
  assert.equal(text(first) + text(rest), "ab");
});

Deno.test("nothing is read that need not be", async () => {
  const stream = new FakeStream().send("abc", "def");
  const reader = new HandshakeReader(stream);
  await reader.take(3);
  await reader.take(0);
  assert.equal(stream.bytesRead, 3);
  assert.equal(stream.buffers.length, 1);
  assert.ok(stream.buffers[0]! <= 4096);
});

Deno.test("an end in the middle says so, with the stream's own error or ours", async () => {
  const takes = [
    (reader: HandshakeReader) => reader.take(3),
    (reader: HandshakeReader) => reader.until(0, 255),
  ];
  for (const take of takes) {
    await assert.rejects(take(new HandshakeReader(new FakeStream().send("ab", null))), {
      name: "HandshakeError",
      message: "the client left in the middle",
    });
    const error = new Deno.errors.ConnectionReset("gone");
    const reader = new HandshakeReader(new FakeStream().send("ab", error));
    await assert.rejects(take(reader), (thrown) => thrown === error);
  }
});
