import assert from "node:assert/strict";
import { answerOf, ipBytes, nameBytes, queryOf, soaBytes, word } from "./_fake_dns.ts";
import { idOf, nameAt, parseMessage, rcodeOf } from "./message.ts";
import type { Resolver } from "./resolver.ts";
import type { NameServerOptions } from "./conversation.ts";
import { reasonIn } from "./records.ts";
import { A, client, expected, never, outside, SHOP } from "./_name_server.ts";

Deno.test("hosts and aliases of the mesh are answered with their address", async () => {
  await using one = await client();
  for (const name of ["web", "WEB.Example"]) {
    const query = queryOf({ name });
    const record = [0, 1, 0, 1, 0, 0, 0, 10, 0, 4, 127, 0, 42, 101];
    assert.deepEqual(
      await one.ask(query),
      expected(query, 0x8580, [1, 0, 0], [...nameBytes(name.toLowerCase()), ...record]),
    );
  }
  const any = await one.ask(queryOf({ name: "web", type: 255 }));
  assert.deepEqual(any?.slice(6, 8), Uint8Array.of(0, 1), "ANY gets what there is");
});

Deno.test("a name of the mesh has no other addresses, and nobody is asked for them", async () => {
  const upstream = outside();
  await using one = await client({ upstream });
  for (const type of [28, 64, 65]) {
    const query = queryOf({ name: "web", type });
    assert.deepEqual(await one.ask(query), expected(query, 0x8580, [0, 0, 0]), `${type}`);
  }
  assert.equal(upstream.asked.length, 0);
});

Deno.test("other types of a mesh name are asked outside, which cannot deny the name", async () => {
  const soa = { name: "", type: 6, data: soaBytes(10) };
  const upstream: Resolver = {
    ask: (query) => Promise.resolve(answerOf(query, { rcode: 3, authorities: [soa] })),
  };
  await using one = await client({ upstream });
  const query = queryOf({ name: "web", type: 16 });
  assert.deepEqual(await one.ask(query), answerOf(query, { authorities: [soa] }));
  const chaos = queryOf({ name: "web", class: 3 });
  assert.equal(rcodeOf((await one.ask(chaos))!), 3, "that is another world's name");
  assert.equal(rcodeOf((await one.ask(queryOf({ name: "web2" })))!), 3);
});

Deno.test("all else is passed on as it came, and so is the answer", async () => {
  const upstream = outside();
  await using one = await client({ upstream });
  const queries = [
    queryOf({ name: "other.example", options: [0xff, 0xff, 0, 3, 1, 2, 3] }),
    queryOf({ name: "other.example", type: 65_280, class: 254, flags: 0x0130 }),
    queryOf({ name: "web.other", type: 28 }),
    queryOf({ name: "", type: 2 }),
  ];
  for (const [i, query] of queries.entries()) {
    assert.deepEqual(await one.ask(query), answerOf(query, { answers: [A] }));
    assert.deepEqual(upstream.asked[i], query);
  }
});

/** The texts of the PTR records of an answer, in their order. */
function namesIn(answer: Uint8Array): string[] {
  const { records } = parseMessage(answer);
  return records.filter(({ type }) => type === 12)
    .map(({ dataAt }) => nameAt(answer, dataAt));
}

Deno.test("the reverse name of a VIP is answered with its host's names, for everybody", async () => {
  const upstream = outside();
  const name = "101.42.0.127.in-addr.arpa";
  for (const from of [undefined, SHOP]) {
    await using one = await client({ upstream }, from);
    for (const type of [12, 255]) {
      const answer = (await one.ask(queryOf({ name: name.toUpperCase(), type })))!;
      assert.equal(rcodeOf(answer), 0);
      assert.deepEqual(namesIn(answer), ["web", "web.example"]);
    }
    assert.equal(upstream.asked.length, 0);
  }
  await using own = await client({ upstream });
  for (
    const other of ["102.42.0.127.in-addr.arpa", "101.042.0.127.in-addr.arpa", "arpa"]
  ) {
    await own.ask(queryOf({ name: other, type: 12 }));
  }
  assert.equal(upstream.asked.length, 3, "no VIP of the mesh, so no name of it");
});

Deno.test("another host is told the names of the mesh, and outside names only if it may", async () => {
  const upstream = outside();
  const refused: unknown[] = [];
  await using one = await client({
    upstream,
    mayAsk: (client, name) => client === SHOP && name === "db.inside",
    onRefused: (...args) => refused.push(args),
  }, SHOP);
  const rcodes = async (
    ...queries: { name: string; type?: number; class?: number }[]
  ) => {
    const codes = [];
    for (const query of queries) codes.push(rcodeOf((await one.ask(queryOf(query)))!));
    return codes;
  };
  assert.deepEqual(await rcodes({ name: "WEB.example" }, { name: "web", type: 28 }), [
    0,
    0,
  ]);
  // Other types of our names, and options of theirs, would carry data out as well.
  assert.deepEqual(await rcodes({ name: "web", type: 16 }, { name: "web", type: 12 }), [
    0,
    0,
  ]);
  assert.equal(upstream.asked.length, 0);
  assert.deepEqual(refused, []);
  assert.deepEqual(await rcodes({ name: "DB.inside" }), [0]);
  assert.equal(upstream.asked.length, 1);
  const outer = [
    { name: "secret.evil.example" },
    { name: "db.inside.evil.example", type: 16 },
    { name: "web", class: 3 },
    { name: "1.0.0.10.in-addr.arpa", type: 12 },
    { name: "" },
  ];
  assert.deepEqual(await rcodes(...outer), outer.map(() => 5));
  assert.equal(upstream.asked.length, 1, "nobody was asked");
  assert.equal(refused.length, outer.length);
  const reason =
    `not told to this host: "secret.evil.example" is no name of the mesh, and ` +
    `neither a route nor "resolveFor" lets it ask`;
  assert.deepEqual(refused[0], [SHOP, { code: 18, text: reason }]);
  const told = (await one.ask(queryOf({ name: "secret.evil.example", options: [] })))!;
  assert.equal(reasonIn(parseMessage(told)), reason);
});

Deno.test("an answer from outside that holds an address of the mesh is for no other host", async () => {
  const vip = ipBytes("127.0.42.101");
  const mapped = [...Array(10).fill(0), 255, 255, ...vip];
  const answers: Record<string, { type: number; name?: string; data: number[] }[]> = {
    "one": [{ type: 1, data: vip }],
    "last": [A, A, { type: 1, data: vip }],
    "alias": [{ type: 5, data: nameBytes("b.example") }, {
      name: "b.example",
      type: 1,
      data: vip,
    }],
    "mapped": [{ type: 28, data: mapped }],
  };
  const upstream: Resolver = {
    ask: (query) => {
      const name = parseMessage(query).question!.name!;
      return Promise.resolve(answerOf(query, { answers: answers[name] ?? [A] }));
    },
  };
  const refused: string[] = [];
  const options: Partial<NameServerOptions> = {
    upstream,
    mayAsk: () => true,
    onRefused: (_, { text }) => refused.push(text),
  };
  await using other = await client(options, SHOP);
  await using own = await client(options);
  for (const name of Object.keys(answers)) {
    const query = queryOf({ name, type: name === "mapped" ? 28 : 1 });
    assert.equal(rcodeOf((await other.ask(query))!), 5, name);
    const reason =
      `"${name}" is said to be at 127.0.42.101, which is the host "web" of the mesh`;
    assert.equal(refused.pop(), reason);
    assert.equal(rcodeOf((await own.ask(query))!), 0, "its own programs may know");
  }
  assert.equal(rcodeOf((await other.ask(queryOf({ name: "else" })))!), 0);
  assert.deepEqual(refused, []);
});

Deno.test("what is wrong with a query is told by its code", async () => {
  const upstream = outside();
  await using one = await client({ upstream });
  const query = queryOf({ name: "other.example" });
  const cases: [string, Uint8Array, number][] = [
    ["an answer", query.with(2, 0x81), 1],
    ["no question", query.slice(0, 12).with(5, 0), 1],
    ["two questions", query.with(5, 2), 1],
    ["a question cut short", query.subarray(0, -1), 1],
    ["a header only", query.subarray(0, 12), 1],
    ["bytes behind it", Uint8Array.from([...query, 7]), 1],
    [
      "a name of pointers",
      Uint8Array.from([...query.subarray(0, 12), 0xc0, 12, 0, 1, 0, 1]),
      1,
    ],
    ["UPDATE", query.with(2, 0x28), 4],
    ["NOTIFY", query.with(2, 0x20), 4],
    ["a zone", queryOf({ name: "other.example", type: 252 }), 5],
    ["a part of a zone", queryOf({ name: "other.example", type: 251 }), 5],
  ];
  for (const [what, bytes, rcode] of cases) {
    const answer = (await one.ask(bytes))!;
    assert.equal(idOf(answer), idOf(bytes), what);
    assert.equal(answer[2]! & 0x80, 0x80, what);
    assert.equal(rcodeOf(answer), rcode, what);
  }
  assert.equal(upstream.asked.length, 0);
  assert.equal(rcodeOf((await one.ask(query))!), 0, "the connection goes on");
});

Deno.test("a resolver that fails is told as SERVFAIL", async () => {
  await using one = await client({ upstream: never });
  const query = queryOf({ name: "other.example", options: [] });
  const opt = [0, 0, 41, ...word(1232), 0, 0, 0x80, 0, 0, 0];
  assert.deepEqual(await one.ask(query), expected(query, 0x8182, [0, 0, 1], opt));
});

Deno.test("addresses from outside are told before the client has them", async () => {
  const told: unknown[] = [];
  const upstream: Resolver = {
    ask: (query) =>
      Promise.resolve(answerOf(query, {
        answers: [
          { type: 5, data: nameBytes("b.example") },
          { name: "b.example", ...A },
          { name: "c.example", ...A },
        ],
      })),
  };
  await using one = await client({ upstream, onResolved: (...args) => told.push(args) });
  await one.ask(queryOf({ name: "A.Example" }));
  assert.deepEqual(told, [["a.example", [0x0a000001]]]);
  await one.ask(queryOf({ name: "a.example", type: 28 }));
  await one.ask(queryOf({ name: "web" }));
  await one.ask(queryOf({ name: "web", type: 16 }));
  assert.equal(told.length, 1);
});
