import assert from "node:assert/strict";
import { until } from "../../../tests/harness/scene/wait.ts";
import { FakeStream } from "../../edge/_fake_stream.ts";
import { Client } from "./client.ts";
import { Deadlines } from "../deadlines.ts";
import { HttpError } from "../error.ts";

const LIMITS = { headMs: 1000, idleMs: 2000, halfClosedMs: 500 };
const GET = "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n";

/** A client, and a clock that the test turns. */
function make() {
  const stream = new FakeStream();
  const client = new Client(stream, LIMITS);
  return { stream, client, after: (ms: number) => client.check(performance.now() + ms) };
}

Deno.test("a request is read in any number of pieces", async () => {
  const text =
    `\r\n\r\nPOST http://a/caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\nX: \t\xe9\t \r\nEmpty:\r\n\r\n`;
  for (const step of [1, 2, 3, 7, Infinity]) {
    const stream = new FakeStream({ step });
    const client = new Client(stream, LIMITS);
    stream.send(Uint8Array.from(text, (letter) => letter.charCodeAt(0)), "rest");
    const head = await client.next();
    assert.equal(head?.target, "http://a/caf\xc3\xa9");
    assert.deepEqual(head?.fields, [["Host", "a"], ["X", "\xe9"], ["Empty", ""]]);
    head?.parser.release();
  }
});

Deno.test("empty lines before a request mean nothing, but not without an end", async () => {
  for (const step of [1, 3, Infinity]) {
    const begin = (count: number) => {
      const stream = new FakeStream({ step }).send("\r\n".repeat(count), GET);
      return new Client(stream, LIMITS).next();
    };
    const head = await begin(2048);
    assert.equal(head?.target, "http://a/");
    head?.parser.release();
    await assert.rejects(
      begin(2049),
      (error) => error instanceof HttpError && error.status === 400,
    );
  }
});

Deno.test("a client that is late with its first head is told, one between requests is not", async () => {
  const { client, stream, after } = make();
  const first = client.next();
  after(900);
  after(1001);
  await assert.rejects(
    first,
    (error) => error instanceof HttpError && error.status === 408,
  );
  const other = make();
  other.stream.send(GET);
  (await other.client.next())?.parser.release();
  const second = other.client.next();
  other.after(1900);
  other.after(2001);
  assert.equal(await second, undefined);
  stream.reset();
  other.stream.reset();
});

Deno.test("a head that has begun behind another has its own limit", async () => {
  const { client, stream, after } = make();
  stream.send(GET);
  (await client.next())?.parser.release();
  const second = client.next();
  stream.send("GET http");
  await until("the read", () => stream.bytesRead === GET.length + 8);
  after(1001);
  await assert.rejects(second, /too long in coming/);
  stream.reset();
});

Deno.test("a client that takes nothing of an answer is given up after ten minutes", async () => {
  const { client, stream, after } = make();
  stream.send(GET);
  (await client.next())?.parser.release();
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.gate = promise;
  const writing = client.write(new Uint8Array(1));
  after(599_000);
  assert.deepEqual(stream.ends, []);
  after(600_001);
  assert.deepEqual(stream.ends, ["reset"]);
  resolve();
  await writing.catch(() => {});
  await assert.rejects(client.write(new Uint8Array(1)), /gone/);
});

Deno.test("a client that leaves may be silent for two seconds, and talk for thirty", async () => {
  const { client, stream, after } = make();
  const leaving = client.leave();
  await until("the end of its input", () => stream.ends.length === 1);
  stream.send("x".repeat(1_000_000));
  await until("the bytes are read", () => stream.bytesRead === 1_000_000);
  after(1900);
  assert.deepEqual(stream.ends, ["closeWrite"]);
  after(2001);
  await leaving;
  assert.deepEqual(stream.ends, ["closeWrite", "close"]);
});

Deno.test("a client that leaves may not talk without end, if an end is given", async () => {
  const { client, stream } = make();
  const leaving = client.leave(1_000_000);
  stream.send("x".repeat(999_999));
  await until("the bytes are read", () => stream.bytesRead === 999_999);
  assert.deepEqual(stream.ends, ["closeWrite"]);
  stream.send("xx");
  await leaving;
  assert.deepEqual(stream.ends, ["closeWrite", "close"]);
});

Deno.test("one timer looks at all limits, and runs while there is something to look at", async () => {
  const deadlines = new Deadlines(5);
  let looks = 0;
  const members = [1, 2].map(() => ({ check: () => void looks++ }));
  for (const member of members) deadlines.add(member);
  await until("two looks", () => looks >= 4);
  for (const member of members) deadlines.delete(member);
});
