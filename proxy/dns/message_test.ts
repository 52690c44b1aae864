import assert from "node:assert/strict";
import fc from "fast-check";
import { answerOf, ipBytes, nameBytes, queryOf } from "./_fake_dns.ts";
import { idOf, isAnswerTo, MessageError, parseMessage, withId } from "./message.ts";
import { addressesIn } from "./records.ts";
import { encodeAnswer } from "./encode.ts";

Deno.test("a name is read in lower case and without its dot", () => {
  const { question } = parseMessage(queryOf({ name: "WeB.Example" }));
  assert.equal(question?.name, "web.example");
  assert.equal(parseMessage(queryOf({ name: "" })).question?.name, "");
});

Deno.test("a label with a dot in it does not pass for two labels", () => {
  const dotted = Uint8Array.from([
    ...queryOf({ name: "" }).subarray(0, 12),
    ...[11, ...new TextEncoder().encode("web.example"), 0],
    ...[0, 1, 0, 1],
  ]);
  assert.equal(parseMessage(dotted).question?.name, undefined);
  const notText = queryOf({ name: "web" });
  notText[13] = 0xff;
  assert.equal(parseMessage(notText).question?.name, undefined);
});

Deno.test("what is no message is refused with a reason", () => {
  const query = queryOf({ name: "web.example" });
  const cases: [string, Uint8Array, RegExp][] = [
    ["no header", query.subarray(0, 11), /11 bytes are no header/],
    ["cut in the name", query.subarray(0, 15), /past the end/],
    ["cut in the type", query.subarray(0, query.length - 3), /question is cut short/],
    ["bytes after it", Uint8Array.from([...query, 0]), /1 bytes after/],
    [
      "a pointer as its name",
      Uint8Array.from([...query.subarray(0, 12), 0xc0, 0, 0, 1]),
      /0xc0/,
    ],
    ["a record that is not there", query.with(11, 1), /past the end/],
    ["two questions", query.with(5, 2), /2 questions/],
    [
      "a record longer than the message",
      Uint8Array.from([...query.with(7, 1), 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 9, 1]),
      /data is cut short/,
    ],
  ];
  for (const [what, bytes, reason] of cases) {
    assert.throws(() => parseMessage(bytes), (error) => {
      assert.ok(error instanceof MessageError, what);
      assert.match(error.message, reason, what);
      return true;
    });
  }
});

Deno.test("an answer belongs to its query by id, question and direction", () => {
  const bytes = queryOf({ name: "web.example" });
  const query = parseMessage(bytes);
  const answer = answerOf(queryOf({ name: "WEB.example" }));
  assert.ok(isAnswerTo(query, answer));
  assert.ok(!isAnswerTo(query, withId(answer, 1)));
  assert.ok(!isAnswerTo(query, bytes));
  assert.ok(!isAnswerTo(query, answerOf(queryOf({ name: "web.exampla" }))));
  // 65 and 97 differ as the letters A and a do.
  const https = parseMessage(queryOf({ name: "web.example", type: 65 }));
  assert.ok(!isAnswerTo(https, answerOf(queryOf({ name: "web.example", type: 97 }))));
});

Deno.test("random and damaged messages are read or refused, and nothing else", () => {
  const seed = answerOf(queryOf({ name: "www.example", options: [0, 10, 0, 1, 9] }), {
    answers: [
      { type: 5, data: [...nameBytes("a"), 0] },
      { type: 1, data: ipBytes("10.0.0.1") },
    ],
    authorities: [{ type: 6, data: [0, 0, ...Array(20).fill(1)] }],
  });
  const damaged = fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 6,
  })
    .map((changes) => {
      const bytes = Uint8Array.from(seed);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
  let read = 0;
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), damaged), (bytes) => {
      try {
        const message = parseMessage(bytes);
        if (message.question) {
          assert.equal(idOf(encodeAnswer(message, { rcode: 2 })), idOf(bytes));
        }
        addressesIn(message, message.question?.name ?? "");
        read++;
      } catch (error) {
        assert.ok(error instanceof MessageError, `${error}`);
      }
    }),
    { seed: 42, numRuns: 5000 },
  );
  assert.ok(read > 500, `only ${read} were read`);
});
