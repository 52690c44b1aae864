import assert from "node:assert/strict";
import { answerOf, ipBytes, nameBytes, queryOf, soaBytes } from "./_fake_dns.ts";
import { AnswerCache, CachingResolver } from "./cache.ts";
import { idOf, parseMessage } from "./message.ts";

const A = { type: 1, data: ipBytes("10.0.0.1") };
const query = queryOf({ name: "web.example" });
const message = parseMessage(query);

/** TTLs of the records of an answer. */
function ttls(answer: Uint8Array | undefined): number[] | undefined {
  return answer && parseMessage(answer).records.map(({ ttl }) => ttl);
}

Deno.test("an answer is kept for its least TTL, and its TTLs count down", () => {
  const cache = new AnswerCache();
  cache.put(
    message,
    answerOf(query, { answers: [{ ...A, ttl: 9 }, { ...A, ttl: 5 }] }),
    0,
  );
  assert.deepEqual(ttls(cache.get(message, 999)), [9, 5]);
  assert.deepEqual(ttls(cache.get(message, 4999)), [5, 1]);
  assert.equal(cache.get(message, 5000), undefined);
  assert.equal(cache.size, 0);
});

Deno.test("an answer is kept for five minutes at most", () => {
  const cache = new AnswerCache();
  cache.put(message, answerOf(query, { answers: [{ ...A, ttl: 86_400 }] }), 0);
  assert.deepEqual(ttls(cache.get(message, 299_999)), [86_101]);
  assert.equal(cache.get(message, 300_000), undefined);
});

Deno.test("that there is none is kept for SOA's minimum, a minute at most", () => {
  const table = [
    { minimum: 20, ttl: 100, seconds: 20 },
    { minimum: 100, ttl: 30, seconds: 30 },
    { minimum: 3600, ttl: 3600, seconds: 60 },
  ];
  for (const rcode of [0, 3]) {
    for (const { minimum, ttl, seconds } of table) {
      const cache = new AnswerCache();
      const soa = { name: "example", type: 6, ttl, data: soaBytes(minimum) };
      cache.put(message, answerOf(query, { rcode, authorities: [soa] }), 0);
      assert.deepEqual(ttls(cache.get(message, 0)), [ttl]);
      assert.ok(cache.get(message, seconds * 1000 - 1));
      assert.equal(cache.get(message, seconds * 1000), undefined);
    }
  }
});

Deno.test("some answers are not kept", () => {
  const cases = {
    "a failure": answerOf(query, { rcode: 2, answers: [A] }),
    "a refusal": answerOf(query, { rcode: 5, answers: [A] }),
    "cut short": answerOf(query, { flags: 0x0200, answers: [A] }),
    "a TTL of 0": answerOf(query, { answers: [A, { ...A, ttl: 0 }] }),
    "a TTL with its highest bit": answerOf(query, { answers: [{ ...A, ttl: 2 ** 31 }] }),
    "none, without SOA": answerOf(query, { rcode: 3 }),
    "nothing": answerOf(query),
    "a referral": answerOf(query, { authorities: [{ type: 2, data: nameBytes("ns") }] }),
    "damaged": answerOf(query, { answers: [A] }).subarray(0, -1),
  };
  for (const [what, answer] of Object.entries(cases)) {
    const cache = new AnswerCache();
    cache.put(message, answer, 0);
    assert.equal(cache.size, 0, what);
  }
  const cookie = queryOf({ name: "web.example", options: [0, 10, 0, 1, 1] });
  const cache = new AnswerCache();
  cache.put(parseMessage(cookie), answerOf(cookie, { answers: [A] }), 0);
  assert.equal(cache.size, 0, "to a query with EDNS options");
});

Deno.test("an answer goes to equal queries only, with their id and capitals", () => {
  const cache = new AnswerCache();
  cache.put(message, answerOf(query, { answers: [A] }), 0);
  const equal = queryOf({ id: 7, name: "WEB.Example" });
  const answer = cache.get(parseMessage(equal), 0)!;
  assert.equal(idOf(answer), 7);
  assert.deepEqual(answer.subarray(12, equal.length), equal.subarray(12));
  const others = {
    "another name": queryOf({ name: "wew.example" }),
    "another type": queryOf({ name: "web.example", type: 28 }),
    "another class": queryOf({ name: "web.example", class: 3 }),
    "CD": queryOf({ name: "web.example", flags: 0x0110 }),
    "EDNS and DO": queryOf({ name: "web.example", options: [] }),
  };
  for (const [what, other] of Object.entries(others)) {
    assert.equal(cache.get(parseMessage(other), 0), undefined, what);
  }
});

Deno.test("the answer handed out is the caller's to change", () => {
  const cache = new AnswerCache();
  const answer = answerOf(query, { answers: [A] });
  const original = Uint8Array.from(answer);
  cache.put(message, answer, 0);
  answer.fill(0);
  cache.get(message, 0)!.fill(0);
  assert.deepEqual(cache.get(message, 0), original);
});

Deno.test("a cache beyond its limits lets the oldest go", () => {
  const ask = (i: number) => queryOf({ name: `n${i}.example` });
  const fill = (cache: AnswerCache) => {
    for (let i = 0; i < 10; i++) {
      cache.put(parseMessage(ask(i)), answerOf(ask(i), { answers: [A] }), 0);
    }
    return [...Array(10).keys()].filter((i) => cache.get(parseMessage(ask(i)), 0));
  };
  assert.deepEqual(fill(new AnswerCache({ entries: 3 })), [7, 8, 9]);
  // An answer has 44 bytes, its key 35 letters of two bytes, its one TTL takes 8.
  assert.deepEqual(fill(new AnswerCache({ bytes: 2 * 140 })), [8, 9]);
  const again = new AnswerCache({ bytes: 140 });
  for (let i = 0; i < 100; i++) again.put(message, answerOf(query, { answers: [A] }), 0);
  assert.equal(again.size, 1, "the same one counts once");
});

Deno.test("equal queries at one time are asked once, and failures are not kept", async () => {
  const asked: Uint8Array[] = [];
  let now = 0;
  let failing = true;
  const resolver = new CachingResolver({
    ask: (query) => {
      asked.push(query);
      if (failing) return Promise.reject(new Error("nobody answers"));
      return Promise.resolve(answerOf(query, { answers: [A] }));
    },
  }, { now: () => now });
  const queries = [1, 2, 3].map((id) => queryOf({ id, name: "web.example" }));
  const failed = await Promise.allSettled(queries.map((query) => resolver.ask(query)));
  assert.deepEqual(failed.map(({ status }) => status), Array(3).fill("rejected"));
  assert.equal(asked.length, 1);
  failing = false;
  const answers = await Promise.all(queries.map((query) => resolver.ask(query)));
  assert.deepEqual(answers.map(idOf), [1, 2, 3]);
  assert.equal(asked.length, 2);
  now = 99_000;
  assert.deepEqual(ttls(await resolver.ask(query)), [1]);
  assert.equal(asked.length, 2);
  now = 100_000;
  assert.deepEqual(ttls(await resolver.ask(query)), [100]);
  assert.equal(asked.length, 3);
});
