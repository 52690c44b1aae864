import assert from "node:assert/strict";
import { within } from "../../tests/harness/scene/wait.ts";
import { answerOf, ipBytes, nameBytes, queryOf, socketPair } from "./_fake_dns.ts";
import { asciiName, NameError, resolveOver } from "./client.ts";
import { idOf, parseMessage, withId } from "./message.ts";
import { MessageStream } from "./stream.ts";
import { encodeAnswer } from "./encode.ts";

type Reply = (query: Uint8Array) => Uint8Array | undefined;

/** Resolves `name` with a server that answers so many queries, or closes its end. */
async function resolve(name: string, reply: Reply, queries = 1) {
  using pair = await socketPair();
  const serving = (async () => {
    const messages = new MessageStream(pair.far);
    let answer: Uint8Array | null | undefined;
    for (let left = queries; left > 0; left--) {
      const query = await messages.read();
      answer = query && reply(query);
      if (answer) await messages.write(answer);
    }
    if (answer) assert.equal(await messages.read(), null, "the client closes");
    pair.far.close();
  })();
  try {
    return await resolveOver(pair.near, name, { server: "the name server of web" });
  } finally {
    await serving;
  }
}

/** A query with an OPT record that asks for nothing. */
function askedFor(name: string): Uint8Array {
  const query = queryOf({ id: 1, name, options: [] });
  query.set([1232 >>> 8, 1232 & 255, 0, 0, 0], query.length - 8);
  return query;
}

const A = { type: 1, data: ipBytes("10.0.0.1") };

Deno.test("a name is asked for in ASCII, and its addresses come back", async () => {
  const asked: string[] = [];
  const reply: Reply = (query) => {
    assert.deepEqual(withId(query, 1), askedFor("db.xn--bcher-kva.de"));
    asked.push(String(idOf(query)));
    return answerOf(query, { answers: [{ ...A, ttl: 40 }] });
  };
  for (const name of ["DB.Bücher.de.", "db.xn--bcher-kva.de"]) {
    assert.deepEqual(await resolve(name, reply), { addresses: [0x0a000001], ttl: 40 });
  }
  assert.equal(asked.length, 2);
});

Deno.test("aliases are followed, and nothing is believed for longer than five minutes", async () => {
  const found = await resolve("www.example", (query) =>
    answerOf(query, {
      answers: [
        { type: 5, ttl: 86_400, data: nameBytes("web.example") },
        { name: "web.example", ...A, ttl: 86_400 },
      ],
    }));
  assert.deepEqual(found, { addresses: [0x0a000001], ttl: 300 });
});

Deno.test("a failure names the name, the server and the reason", async () => {
  const table: [string, Reply, NameError["code"], string][] = [
    [
      "NXDOMAIN",
      (query) => answerOf(query, { rcode: 3 }),
      "not-found",
      "no such name (NXDOMAIN)",
    ],
    [
      "no data",
      (query) => answerOf(query),
      "not-found",
      "it has no IPv4 address (NOERROR)",
    ],
    [
      "SERVFAIL",
      (query) => answerOf(query, { rcode: 2 }),
      "failed",
      "it answered SERVFAIL",
    ],
    [
      "RCODE 9",
      (query) => answerOf(query, { rcode: 9 }),
      "failed",
      "it answered RCODE 9",
    ],
    [
      "other id",
      (query) => withId(answerOf(query), idOf(query) ^ 1),
      "failed",
      "it answered something else",
    ],
    ["garbage", (query) => query.subarray(0, 3), "failed", "it answered something else"],
    [
      "cut",
      (query) => answerOf(query, { answers: [A] }).subarray(0, -1),
      "failed",
      "A record's data is cut short",
    ],
    ["closed", () => undefined, "failed", "it closed the connection without an answer"],
  ];
  for (const [what, reply, code, reason] of table) {
    await assert.rejects(resolve("db.Corp", reply), (error) => {
      assert.ok(error instanceof NameError, what);
      assert.equal(error.code, code, what);
      assert.equal(
        error.message,
        `Cannot resolve "db.Corp" through the name server of web: ${reason}`,
      );
      return true;
    });
  }
});

Deno.test("why a server refuses is told, whatever it is made of", async () => {
  const reply: Reply = (query) => {
    const reason = { code: 18, text: "not for \u202eyou\n" };
    return encodeAnswer(parseMessage(query), { rcode: 5, reason });
  };
  await assert.rejects(resolve("db", reply), {
    code: "prohibited",
    message: `Cannot resolve "db" through the name server of web: it answered REFUSED ` +
      `(${JSON.stringify("not for \u202eyou\n")})`,
  });
});

Deno.test("a server from before EDNS is asked again without it", async () => {
  const asked: boolean[] = [];
  const found = await resolve(
    "db",
    (query) => {
      const hasEdns = parseMessage(query).records.length > 0;
      asked.push(hasEdns);
      return answerOf(query, hasEdns ? { rcode: 1 } : { answers: [A] });
    },
    2,
  );
  assert.deepEqual(found.addresses, [0x0a000001]);
  assert.deepEqual(asked, [true, false]);
});

Deno.test("a name that DNS cannot know is not asked for", async () => {
  const names = [
    "",
    ".",
    "a..b",
    "a b",
    "a".repeat(64),
    `${"a.".repeat(127)}b`,
    "xn--\u00fc",
    "a\n",
  ];
  for (const name of names) {
    using pair = await socketPair();
    await assert.rejects(resolveOver(pair.near, name), { code: "not-found" }, name);
    assert.equal(await pair.far.read(new Uint8Array(1)), null, "nothing but the end");
  }
  assert.equal(asciiName("_srv.A_b.example."), "_srv.a_b.example");
  assert.equal(asciiName(`${"a.".repeat(126)}b`)?.length, 253);
  assert.equal(asciiName("a".repeat(63))?.length, 63);
});

Deno.test("a silent server is waited for within the limit", async () => {
  using pair = await socketPair();
  const resolved = resolveOver(pair.near, "web", { limitMs: 50 });
  await within(
    "the limit",
    assert.rejects(resolved, {
      code: "timed-out",
      message: 'Cannot resolve "web" through the name server: no answer within 0.05 s',
    }),
  );
});

Deno.test("an aborted question ends with the reason it was aborted for", async () => {
  using pair = await socketPair();
  const ending = new AbortController();
  const reason = new Error("the client left");
  const resolved = resolveOver(pair.near, "web", { signal: ending.signal });
  await new MessageStream(pair.far).read();
  ending.abort(reason);
  await within("the abort", assert.rejects(resolved, (error) => error === reason));
  using other = await socketPair();
  const late = resolveOver(other.near, "web", { signal: ending.signal });
  await assert.rejects(late, (error) => error === reason);
});
