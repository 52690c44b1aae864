import assert from "node:assert/strict";
import { FakeStream } from "../edge/_fake_stream.ts";
import { DialError, type DialFailure } from "../edge/dial.ts";
import { HandshakeError } from "./handshake_reader.ts";
import { failureOf, replyOf } from "./messages.ts";
import {
  AUTH,
  bytes,
  CASES,
  GRANTED_4,
  IP,
  read,
  REFUSED,
  REJECTED_4,
  reply5,
} from "./_cases.ts";

const FAILURES: readonly DialFailure[] = [
  "refused",
  "network-unreachable",
  "host-unreachable",
  "host-unknown",
  "timed-out",
  "prohibited",
  "forbidden",
  "failed",
];

for (const { name, sent, auth, said = [], target, granted } of CASES) {
  Deno.test(`${name} is understood and answered`, async () => {
    const stream = new FakeStream().send(Uint8Array.from(sent));
    const request = await read(stream, auth);
    assert.equal(`${request.hostname}:${request.port}`, target);
    assert.deepEqual(stream.written, said);
    assert.deepEqual(request.early, new Uint8Array());
    await request.reply();
    assert.deepEqual(stream.written, [...said, ...granted]);
    assert.deepEqual(stream.ends, []);
  });
}

for (const { name, sent, auth, said = [], error } of REFUSED) {
  Deno.test(`${name} is refused`, async () => {
    const stream = new FakeStream().send(Uint8Array.from(sent), null);
    await assert.rejects(read(stream, auth), (thrown) => {
      assert.ok(thrown instanceof HandshakeError, `${thrown}`);
      assert.match(thrown.message, error);
      return true;
    });
    assert.deepEqual(stream.written, said);
  });
}

Deno.test("a refusal does not wait for more than it needs", async () => {
  for (const { name, sent, auth } of REFUSED) {
    if (name === "nothing") continue;
    const stream = new FakeStream().send(Uint8Array.from(sent)); // and no end
    await assert.rejects(read(stream, auth), HandshakeError, name);
    assert.equal(stream.reading, false, name);
  }
});

Deno.test("a request is the same split at each byte, and byte by byte", async () => {
  const early = bytes("and more\0\x05");
  for (const { name, sent, auth, said = [], target, granted } of CASES) {
    const all = Uint8Array.from([...sent, ...early]);
    for (let at = 1; at <= sent.length; at++) {
      const stream = new FakeStream().send(all.subarray(0, at), all.subarray(at));
      const request = await read(stream, auth);
      assert.equal(`${request.hostname}:${request.port}`, target, `${name} at ${at}`);
      const rest = at === sent.length ? [] : early; // then it was not read yet
      assert.deepEqual([...request.early], rest, `${name} at ${at}`);
    }
    const stream = new FakeStream({ step: 1 }).send(all);
    const request = await read(stream, auth);
    await request.reply();
    assert.equal(`${request.hostname}:${request.port}`, target, name);
    assert.deepEqual(stream.written, [...said, ...granted], name);
    assert.equal(stream.bytesRead, sent.length, name);
  }
});

Deno.test("a request cut off anywhere ends as such", async () => {
  for (const { name, sent, auth } of CASES) {
    for (let length = 0; length < sent.length; length++) {
      const stream = new FakeStream().send(Uint8Array.from(sent.slice(0, length)), null);
      await assert.rejects(
        read(stream, auth),
        { name: "HandshakeError", message: "the client left in the middle" },
        `${name}, ${length} bytes`,
      );
    }
  }
});

Deno.test("what the client sent to the target ahead is kept whole", async () => {
  const early = Uint8Array.from({ length: 3000 }, (_, at) => at);
  for (const { name, sent, auth } of CASES) {
    const stream = new FakeStream().send(Uint8Array.from([...sent, ...early]));
    assert.deepEqual((await read(stream, auth)).early, early, name);
  }
});

Deno.test("each failure has its reply, and SOCKS 4 one for all", async () => {
  const replies: Record<DialFailure, number> = {
    "refused": 5,
    "network-unreachable": 3,
    "host-unreachable": 4,
    "host-unknown": 4,
    "timed-out": 6,
    "prohibited": 2,
    "forbidden": 2,
    "failed": 1,
  };
  for (const failure of FAILURES) {
    assert.equal(replyOf(failure), replies[failure]);
    for (const { name, sent, auth, said = [], granted } of CASES) {
      const stream = new FakeStream().send(Uint8Array.from(sent));
      await (await read(stream, auth)).reply(failure);
      const wanted = granted === GRANTED_4 ? REJECTED_4 : reply5(replies[failure]);
      assert.deepEqual(stream.written, [...said, ...wanted], `${name}: ${failure}`);
    }
  }
});

Deno.test("a failure of the dial is told, any other is a failure", () => {
  for (const failure of FAILURES) {
    assert.equal(failureOf(new DialError(failure, "web:80")), failure);
  }
  assert.equal(failureOf(new Error("refused")), "failed");
  assert.equal(failureOf("refused"), "failed");
  assert.equal(failureOf(undefined), "failed");
});

Deno.test("a client that left comes as the error of its stream", async () => {
  const gone = new Deno.errors.ConnectionReset("gone");
  const reading = new FakeStream().send(Uint8Array.of(5, 1), gone);
  await assert.rejects(read(reading), (error) => error === gone);
  const writing = new FakeStream().send(Uint8Array.of(5, 1, 0));
  writing.gate = Promise.reject(gone);
  await assert.rejects(read(writing), (error) => error === gone);
});

Deno.test("a password is not answered before all of it came", async () => {
  const stream = new FakeStream().send(Uint8Array.from(bytes(5, 1, 2, 1, 4, "user", 4)));
  const request = read(stream, AUTH);
  stream.send("pas");
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(stream.written, [5, 2]);
  stream.send("s", Uint8Array.from(bytes(5, 1, 0, IP)));
  await request;
  assert.deepEqual(stream.written, [5, 2, 1, 0]);
});
