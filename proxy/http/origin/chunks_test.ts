import assert from "node:assert/strict";
import fc from "fast-check";
import { bytesOf, textOf } from "../bytes.ts";
import { ChunkDecoder } from "./chunks.ts";
import { Parser } from "../client/llhttp.ts";
import { ResponseError } from "./response_head.ts";

interface Read {
  readonly body: string;
  readonly trailers: string;
  /** Bytes of the message; undefined if it is not complete. */
  readonly end: number | undefined;
  readonly isRefused: boolean;
}

/** Reads pieces with the decoder. */
function decode(pieces: readonly string[]): Read {
  const decoder = new ChunkDecoder();
  let body = "", end = 0;
  for (const piece of pieces) {
    const parts: Uint8Array[] = [];
    try {
      end += decoder.decode(bytesOf(piece), parts);
    } catch (error) {
      assert.ok(error instanceof ResponseError, `${error}`);
      return { body, trailers: "", end: undefined, isRefused: true };
    }
    for (const part of parts) body += textOf(part);
  }
  const trailers = decoder.trailers.flat().join("|");
  return { body, trailers, end: decoder.hasEnded ? end : undefined, isRefused: false };
}

/** Reads pieces with llhttp, which is strict. */
function strictly(pieces: readonly string[]): Read {
  const parser = Parser.take();
  parser.execute(bytesOf("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"));
  parser.raw = [];
  let body = "", end = 0;
  for (const piece of pieces) {
    if (parser.hasEnded || parser.refusal) break;
    parser.parts = [];
    end += parser.execute(bytesOf(piece));
    for (const part of parser.parts) body += textOf(part);
  }
  const isRefused = parser.refusal !== undefined;
  const read = {
    body,
    trailers: parser.raw.join("|"),
    end: parser.hasEnded ? end : undefined,
    isRefused,
  };
  parser.release();
  return read;
}

const piece = fc.constantFrom(
  ...'5\r\nhello\r\n|0\r\n\r\n|0\r\n|X: y\r\n|\r\n|\n|\r| |\t|;a=b|;a="b;"|a|0|00005|zz|-1|hello|1\r\nx\r\n'
    .split("|"),
  "10\r\nghijklmnopqrstuv\r\n",
);

/** The text in two pieces. */
function cut(text: string, at: number): string[] {
  return [text.slice(0, at % (text.length + 1)), text.slice(at % (text.length + 1))];
}

Deno.test("what llhttp takes for chunks is read as llhttp reads it", () => {
  let taken = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = `${pieces.join("")}`;
      const wanted = strictly([text]);
      if (wanted.isRefused) return;
      if (wanted.end !== undefined) taken++;
      const got = decode([text]);
      assert.equal(got.body, wanted.body, JSON.stringify(text));
      assert.equal(got.end, wanted.end, JSON.stringify(text));
      if (wanted.end !== undefined) assert.equal(got.trailers, wanted.trailers);
    }),
    { seed: 71, numRuns: 20_000 },
  );
  assert.ok(taken > 500, `${taken} were complete`);
});

for (const [name, read] of [["our decoder", decode], ["llhttp", strictly]] as const) {
  Deno.test(`${name} reads the same wherever the chunks are cut`, () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.nat(200), (pieces, at) => {
        const text = pieces.join("");
        const whole = read([text]);
        const parts = read(cut(text, at));
        assert.equal(parts.isRefused, whole.isRefused, JSON.stringify(text));
        if (!whole.isRefused) assert.deepEqual(parts, whole, JSON.stringify(text));
        if (!whole.isRefused) assert.deepEqual(read([...text]), whole);
      }),
      { seed: 72, numRuns: 5000 },
    );
  });
}

Deno.test("lines between chunks have a limit, as have trailer fields", () => {
  assert.ok(decode([`5;${"x".repeat(20_000)}`]).isRefused);
  assert.ok(decode(["5;", ...Array(400).fill("x".repeat(50))]).isRefused);
  assert.ok(decode([`0\r\n${"X: y\r\n".repeat(20_000)}`]).isRefused);
  assert.ok(!decode([`0\r\n${"X: y\r\n".repeat(1000)}\r\n`]).isRefused);
  assert.ok(decode([`${"0".repeat(17_000)}`]).isRefused);
});
