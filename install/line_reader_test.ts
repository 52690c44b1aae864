import assert from "node:assert/strict";
import { textOfStream } from "./_host.ts";
import { LineReader } from "./line_reader.ts";

/** A stream of these chunks. */
function streamOf(...chunks: string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(chunks.map((chunk) => new TextEncoder().encode(chunk)));
}

async function linesOf(reader: LineReader): Promise<string[]> {
  const lines: string[] = [];
  for (let line; (line = await reader.line()) !== undefined;) lines.push(line);
  return lines;
}

for (
  const [chunks, lines] of [
    [[], []],
    [["a\nb\n"], ["a", "b"]],
    [["a\r\n", "\n", "b"], ["a", "", "b"]],
    [["a", "b", "c\nd", "e\n"], ["abc", "de"]],
    [["ä\n".slice(0, 1), "\n"], ["ä"]],
    [["x".repeat(40_000)], [
      "x".repeat(16384),
      "x".repeat(16384),
      "x".repeat(40_000 - 32768),
    ]],
    [[`${"x".repeat(16384)}\nb\n`], ["x".repeat(16384), "", "b"]],
    [[`${"x".repeat(16383)}\nb\n`], ["x".repeat(16383), "b"]],
  ] as const
) {
  const shown = JSON.stringify(chunks.map((chunk) => chunk.slice(0, 10)));
  Deno.test(`the lines of ${shown}, ${lines.length}`, async () => {
    assert.deepEqual(await linesOf(new LineReader(streamOf(...chunks))), lines);
  });
}

Deno.test("characters that are cut by chunks stay whole", async () => {
  const [a, b] = new TextEncoder().encode("ä\n");
  const stream = ReadableStream.from([Uint8Array.of(a!), Uint8Array.of(b!, 10)]);
  assert.equal(await new LineReader(stream).line(), "ä");
});

Deno.test("what was not read is the rest, whatever the chunks", async () => {
  for (const chunks of [["a\nrest"], ["a\n", "rest"], ["a", "\nre", "st"]]) {
    const reader = new LineReader(streamOf(...chunks));
    assert.equal(await reader.line(), "a");
    assert.equal(await textOfStream(reader.rest()), "rest");
  }
});

Deno.test("a stream of which nothing is held is handed on itself", async () => {
  const read: string[] = [];
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    type: "bytes",
    pull(controller) {
      read.push("pull");
      controller.enqueue(new TextEncoder().encode("line\n"));
    },
  });
  const reader = new LineReader(stream);
  await reader.line();
  const rest = reader.rest();
  assert.equal(rest, stream);
  rest.getReader({ mode: "byob" }).releaseLock();
  await rest.cancel();
});

Deno.test("the rest hands errors on, and who cancels it cancels the stream", async () => {
  let cancelled: unknown;
  const failing = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("a\nb")),
    pull: (controller) => controller.error(new Error("cut")),
    cancel: (reason) => void (cancelled = reason),
  }, { highWaterMark: 1 });
  const reader = new LineReader(failing);
  await reader.line();
  await assert.rejects(Array.fromAsync(reader.rest()), { message: "cut" });

  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("a\nb")),
    cancel: (reason) => void (cancelled = reason),
  });
  const other = new LineReader(endless);
  await other.line();
  await other.rest().cancel("enough");
  assert.equal(cancelled, "enough");
});
