import assert from "node:assert/strict";
import fc from "fast-check";
import { within } from "../../tests/harness/scene/wait.ts";
import { answerOf, queryOf, word } from "./_fake_dns.ts";
import { idOf, rcodeOf } from "./message.ts";
import type { Resolver } from "./resolver.ts";
import { NameServer } from "./server.ts";
import type { ByteStream } from "../edge/stream.ts";
import { A, names, namesOf } from "./_name_server.ts";

/** What may go wrong in a message, by hand; each is also a seed for damage. */
const CORPUS: readonly Uint8Array[] = [
  queryOf({ name: "web" }),
  queryOf({ name: "WEB.example", type: 28 }),
  queryOf({ name: "other.example", options: [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8] }),
  queryOf({ name: "web", options: [], ednsVersion: 9 }),
  queryOf({ name: "other", type: 255, class: 255 }),
  queryOf({ name: "" }),
  queryOf({ name: `${"a.".repeat(126)}b` }),
  queryOf({ name: `${"a.".repeat(127)}b` }),
  queryOf({ name: "b".repeat(63) }),
  queryOf({ name: "web", flags: 0x8180 }),
  queryOf({ name: "web", flags: 0x2800 }),
  answerOf(queryOf({ name: "web" }), { answers: [A, A] }),
  queryOf({ name: "web" }).with(5, 0),
  queryOf({ name: "web" }).with(4, 255),
  queryOf({ name: "web" }).with(10, 255),
  Uint8Array.from([...queryOf({ name: "" }).subarray(0, 12), 0xc0, 12, 0, 1, 0, 1]),
  Uint8Array.from([...queryOf({ name: "" }).subarray(0, 12), 0x41, 1, 0, 0, 1, 0, 1]),
  Uint8Array.from([
    ...queryOf({ name: "" }).subarray(0, 12),
    3,
    0,
    0xff,
    46,
    0,
    0,
    1,
    0,
    1,
  ]),
  new Uint8Array(12),
  new Uint8Array(12).fill(255),
  new Uint8Array(11),
  new Uint8Array(2).fill(255),
  new Uint8Array(1),
  new Uint8Array(0),
];

const anyMessage = fc.oneof(
  fc.constantFrom(...CORPUS),
  fc.uint8Array({ maxLength: 64 }),
  fc.tuple(
    fc.constantFrom(...CORPUS.filter(({ length }) => length > 0)),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
    fc.option(fc.nat(300), { freq: 4 }),
  ).map(([seed, changes, cut]) => {
    const bytes = Uint8Array.from(seed);
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return bytes.subarray(0, cut ?? bytes.length);
  }),
);

/** A stream of these bytes, some at a time, which keeps what is written. */
function memoryStream(input: Uint8Array, step: number) {
  const written: number[] = [];
  let at = 0;
  let closed = false;
  const stream: ByteStream = {
    read: (into) => {
      assert.ok(into.length > 0, "an empty read");
      const part = input.subarray(at, at + Math.min(step, into.length));
      at += part.length;
      into.set(part);
      return Promise.resolve(part.length === 0 ? null : part.length);
    },
    write: (bytes) => {
      for (const byte of bytes) written.push(byte);
      return Promise.resolve();
    },
    closeWrite: () => Promise.resolve(),
    reset: () => closed = true,
    close: () => closed = true,
  };
  return { stream, written, closed: () => closed };
}

Deno.test("random and damaged queries are each answered with their id, up to one without", async () => {
  const answered = new Map<number, number>();
  const upstream: Resolver = {
    ask: (query) => {
      switch (query.at(-1)! % 3) {
        case 0:
          return Promise.resolve(answerOf(query, { answers: [A] }));
        case 1:
          return Promise.resolve(Uint8Array.from([...query.subarray(0, 12), 0xff, 7]));
        default:
          return Promise.reject(new Error("nobody answers"));
      }
    },
  };
  const server = new NameServer({ names, namesOf, upstream, onResolved: () => {} });
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyMessage, { maxLength: 12 }),
      fc.integer({ min: 1, max: 200 }),
      fc.uint8Array({ maxLength: 3 }),
      async (messages, step, rest) => {
        const input = Uint8Array.from([
          ...messages.flatMap((bytes) => [...word(bytes.length), ...bytes]),
          ...rest.map((byte, i) => i === 0 ? 0xff : byte), // a message cut short
        ]);
        const { stream, written, closed } = memoryStream(input, step);
        await within("the end", server.serve(stream));
        assert.ok(closed());
        const short = messages.findIndex(({ length }) => length < 2);
        const whole = short < 0 ? messages : messages.slice(0, short);
        const ids: number[] = [];
        const bytes = Uint8Array.from(written);
        for (let at = 0; at < bytes.length;) {
          const length = bytes[at]! << 8 | bytes[at + 1]!;
          const answer = bytes.subarray(at + 2, at + 2 + length);
          assert.ok(length >= 12 && answer.length === length, "a whole answer");
          ids.push(idOf(answer));
          const rcode = rcodeOf(answer);
          answered.set(rcode, (answered.get(rcode) ?? 0) + 1);
          at += 2 + length;
        }
        assert.deepEqual(ids.sort(), whole.map(idOf).sort());
      },
    ),
    { seed: 42, numRuns: 3000 },
  );
  for (const rcode of [0, 1, 2, 4]) {
    assert.ok(answered.get(rcode)! > 50, `code ${rcode}: ${answered.get(rcode)}`);
  }
});
