import assert from "node:assert/strict";
import { StderrTail } from "./stderr.ts";

async function linesOf(...chunks: (string | Uint8Array)[]) {
  const logged: string[] = [];
  const tail = new StderrTail((line) => logged.push(line));
  const bytes = chunks.map((chunk) =>
    typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk
  );
  await tail.read(ReadableStream.from(bytes).getReader());
  return { logged, kept: tail.lines };
}

Deno.test("lines of stderr are put together over chunks and line ends of all kinds", async () => {
  const { logged, kept } = await linesOf("on", "e\r", "\ntwo\n", "\n10 %\r20 %\r", "end");
  assert.deepEqual(logged, ["one", "two", "10 %", "20 %", "end"]);
  assert.deepEqual(kept, logged);
});

Deno.test("a character split between chunks of stderr stays whole", async () => {
  const [a, b] = [new Uint8Array([0xc3]), new Uint8Array([0xa4, 0x0a])];
  assert.deepEqual((await linesOf(a, b)).logged, ["ä"]);
});

Deno.test("only the last 20 lines of stderr are kept", async () => {
  const { logged, kept } = await linesOf(
    Array.from({ length: 50 }, (_, i) => `line ${i}\n`).join(""),
  );
  assert.equal(logged.length, 50);
  assert.deepEqual(kept, logged.slice(-20));
});

Deno.test("of a line of stderr without an end only the beginning is passed on", async () => {
  const endless = Array.from({ length: 100 }, () => "x".repeat(4500));
  const { logged, kept } = await linesOf(
    "first\n",
    ...endless,
    "end\nnext\n",
    "y".repeat(2001),
  );
  const cut = (letter: string) => letter.repeat(2000) + "…";
  assert.deepEqual(logged, ["first", cut("x"), "next", cut("y")]);
  assert.deepEqual(kept, logged);
});

Deno.test("stderr that fails to be read still gives the lines so far", async () => {
  const tail = new StderrTail(() => {});
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("so far")),
    pull: (controller) => controller.error(new Error("gone")),
  });
  await tail.read(stream.getReader());
  assert.deepEqual(tail.lines, ["so far"]);
});
