import assert from "node:assert/strict";
import { parseIpv4 } from "../../wire/ip/ipv4.ts";
import { nameBytes, queryOf, word } from "./_fake_dns.ts";
import { parseMessage, rcodeOf } from "./message.ts";
import { encodeAnswer, encodeQuery } from "./encode.ts";

Deno.test("a query of ours is what RFC 1035 says", () => {
  assert.deepEqual(
    [...encodeQuery(0x1234, "web.example", false)],
    [...queryOf({ name: "web.example" })],
  );
});

Deno.test("an answer of ours keeps the question to the letter, and has EDNS if asked", () => {
  const query = queryOf({ name: "WeB.example", options: [0, 12, 0, 1, 0] });
  const answer = encodeAnswer(parseMessage(query), {
    rcode: 0,
    authoritative: true,
    addresses: [parseIpv4("127.0.42.101")!],
    ttl: 10,
  });
  assert.deepEqual([...answer], [
    ...[0x12, 0x34, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 1],
    ...query.subarray(12, 12 + 17),
    ...[...nameBytes("web.example"), 0, 1, 0, 1, 0, 0, 0, 10, 0, 4, 127, 0, 42, 101],
    ...[0, 0, 41, ...word(1232), 0, 0, 0x80, 0, 0, 0],
  ]);
});

Deno.test("an EDNS version that nobody knows is answered BADVERS", () => {
  const query = queryOf({ name: "web", options: [], ednsVersion: 1 });
  const answer = encodeAnswer(parseMessage(query), { rcode: 0, addresses: [1], ttl: 10 });
  const { records } = parseMessage(answer);
  assert.equal(rcodeOf(answer), 0);
  assert.deepEqual(records.map(({ type, ttl }) => [type, ttl >>> 24]), [[41, 1]]);
});
