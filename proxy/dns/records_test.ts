import assert from "node:assert/strict";
import { answerOf, ipBytes, nameBytes, queryOf, word } from "./_fake_dns.ts";
import { parseMessage } from "./message.ts";
import { addressesIn } from "./records.ts";

Deno.test("addresses are found through aliases, with the least TTL on the way", () => {
  const answer = answerOf(queryOf({ name: "www.example" }), {
    answers: [
      { type: 5, ttl: 50, data: nameBytes("a.example") },
      { name: "A.example", type: 5, ttl: 70, data: nameBytes("b.example") },
      { name: "b.example", type: 1, ttl: 60, data: ipBytes("10.0.0.1") },
      { name: "b.example", type: 1, ttl: 80, data: ipBytes("10.0.0.2") },
      { name: "else.example", type: 1, data: ipBytes("10.0.0.3") },
    ],
  });
  assert.deepEqual(addressesIn(parseMessage(answer), "www.example"), {
    addresses: [0x0a000001, 0x0a000002],
    ttl: 50,
  });
});

Deno.test("aliases in a circle end without an address", () => {
  const answer = answerOf(queryOf({ name: "a" }), {
    answers: [
      { type: 5, data: nameBytes("b") },
      { name: "b", type: 5, data: nameBytes("a") },
    ],
  });
  assert.deepEqual(addressesIn(parseMessage(answer), "a").addresses, []);
});

Deno.test("a message made of pointers to pointers costs no more than its bytes", () => {
  const start = 12 + 5 + 11;
  const chain = Array.from({ length: 8000 }, (_, i) => {
    return word(0xc000 | (i === 0 ? 12 : start + 2 * (i - 1)));
  }).flat();
  const records = Array.from({ length: 3000 }, () => [
    ...word(0xc000 | start + 2 * 7999),
    ...[0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4],
  ]).flat();
  const bytes = Uint8Array.from([
    ...[0, 1, 0x81, 0x80, 0, 1, ...word(3001), 0, 0, 0, 0],
    ...[0, 0, 1, 0, 1],
    ...[0, 0, 16, 0, 1, 0, 0, 0, 1, ...word(chain.length), ...chain],
    ...records,
  ]);
  const since = performance.now();
  const { addresses } = addressesIn(parseMessage(bytes), "");
  assert.ok(performance.now() - since < 1000);
  assert.equal(addresses.length, 511); // the first 512 records are looked at
});
