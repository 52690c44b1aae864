/**
 * Lines on their way to a stream that fails, stands still, and comes back.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { LineWriter } from "./console.ts";

/** A stream that a test lets through, holds up, or makes fail. */
class FakeStream {
  text = "";
  writes = 0;
  /** What the next writes fail with. */
  failure: Error | undefined;
  /** Bytes that one write takes. */
  takes = Infinity;
  #gate = Promise.resolve();

  isTerminal(): boolean {
    return false;
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.writes++;
    await this.#gate;
    if (this.failure) throw this.failure;
    const taken = bytes.subarray(0, this.takes);
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }

  /** Holds writes up until the function returned is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }
}

Deno.test("lines come whole and in order, however little a write takes", async () => {
  const stream = new FakeStream();
  stream.takes = 3;
  const writer = new LineWriter(stream);
  writer.line("first ", [31, "line"]);
  writer.json({ second: 2 });
  await writer.flush();
  assert.equal(stream.text, `first line\n{"second":2}\n`);
});

Deno.test("a line that comes at whatever moment of a write is written", async () => {
  for (let turns = 0; turns < 20; turns++) {
    const stream = new FakeStream();
    const writer = new LineWriter(stream);
    writer.line("first");
    for (let i = 0; i < turns; i++) await Promise.resolve();
    writer.line("second");
    await writer.flush();
    assert.equal(stream.text, "first\nsecond\n", `after ${turns} turns`);
  }
});

Deno.test("a stream that stands still holds nobody up, and what it lost is counted", async () => {
  const stream = new FakeStream();
  const go = stream.hold();
  const writer = new LineWriter(stream);
  const line = "x".repeat(1023);
  for (let i = 0; i < 1000; i++) writer.line(line);
  assert.ok(writer.lost > 700 && writer.lost < 750, `${writer.lost} were lost`);
  await writer.flush(1);
  assert.equal(stream.text, "");
  const { lost } = writer;
  go();
  await writer.flush(20_000);
  writer.line("and then");
  await writer.flush();
  const lines = stream.text.trimEnd().split("\n");
  assert.equal(lines.length, 1000 - lost + 2);
  assert.match(
    lines.at(-2)!,
    new RegExp(`^${lost} lines were lost here: nobody took them`),
  );
  assert.equal(lines.at(-1), "and then");
});

Deno.test("a full disk loses only what finds no room to wait, and the reason is told", async () => {
  const stream = new FakeStream();
  stream.failure = new Error("No space left on device");
  const writer = new LineWriter(stream);
  writer.line("before");
  await until("a write that failed", () => stream.writes > 0);
  for (let i = 0; i < 300; i++) writer.line("x".repeat(1023));
  const { lost } = writer;
  assert.ok(lost > 0);
  stream.failure = undefined;
  await until("what was lost to be told", () => stream.text.includes("lost here"));
  assert.match(stream.text, /^before\nx/);
  const told = `${lost} lines were lost here: No space left on device`;
  assert.ok(stream.text.endsWith(`\n${told}\n`), stream.text.slice(-200));
  assert.ok(stream.writes < 40, `${stream.writes} writes`);
});

Deno.test("a status line stays below what is written, and is drawn only when it changes", async () => {
  const stream = new FakeStream();
  const writer = new LineWriter(stream);
  writer.status("half\x1b[2J");
  await writer.flush();
  writer.status("half\x1b[2J");
  await writer.flush();
  assert.equal(stream.writes, 1);
  writer.line("a line");
  await writer.flush();
  writer.status();
  await writer.flush();
  assert.equal(
    stream.text.replaceAll("\r\x1b[K", "<"),
    "half\\x1b[2J<a line\nhalf\\x1b[2J<",
  );
});

Deno.test("lines are held back while somebody else asks on the terminal", async () => {
  const stream = new FakeStream();
  const writer = new LineWriter(stream);
  const letThrough = stream.hold();
  writer.line("before");
  writer.line("whose question it is");
  writer.hold();
  writer.line("after");
  writer.status("a bar");
  letThrough();
  await writer.flush();
  assert.equal(stream.text, "before\nwhose question it is\n");
  writer.line("later");
  await writer.flush();
  assert.equal(stream.text, "before\nwhose question it is\n");
  writer.release();
  await writer.flush();
  assert.equal(stream.text, "before\nwhose question it is\nafter\nlater\na bar");
});
