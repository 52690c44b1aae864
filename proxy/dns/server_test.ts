import assert from "node:assert/strict";
import fc from "fast-check";
import { Network } from "../../stack/_network.ts";
import { pause, until, within } from "../../tests/harness/scene/wait.ts";
import { parseIpv4 } from "../../wire/ip/ipv4.ts";
import {
  answerOf,
  fakeServer,
  ipBytes,
  nameBytes,
  queryOf,
  questionEnd,
  soaBytes,
  socketPair,
  word,
} from "./_fake_dns.ts";
import { resolveOver } from "./client.ts";
import { idOf, nameAt, parseMessage, rcodeOf } from "./message.ts";
import type { Resolver } from "./resolver.ts";
import { MessageStream } from "./stream.ts";
import { SystemResolver } from "./system.ts";
import { NameServer } from "./server.ts";
import type { NameServerOptions } from "./conversation.ts";
import { type ByteStream, MeshStream } from "../edge/stream.ts";
import { reasonIn } from "./records.ts";

const WEB = parseIpv4("127.0.42.101")!;
const names = new Map([["web", WEB], ["web.example", WEB]]);
const namesOf = (vip: number) => vip === WEB ? [...names.keys()] : [];
/** Another host. */
const SHOP = parseIpv4("127.0.42.102")!;
const A = { type: 1, data: ipBytes("10.0.0.1") };

/** Answers with one address, and remembers what it was asked. */
function outside(): Resolver & { readonly asked: Uint8Array[] } {
  const asked: Uint8Array[] = [];
  return {
    asked,
    ask: (query) => {
      asked.push(query);
      return Promise.resolve(answerOf(query, { answers: [A] }));
    },
  };
}

const never: Resolver = { ask: () => Promise.reject(new Error("nobody is asked here")) };

/** A client of a server of these options, over loopback. */
async function client(options: Partial<NameServerOptions> = {}, from?: number) {
  const pair = await socketPair();
  const serving = new NameServer({ names, namesOf, upstream: never, ...options })
    .serve(pair.far, from);
  const messages = new MessageStream(pair.near);
  return {
    stream: pair.near,
    messages,
    serving,
    ask: async (query: Uint8Array) => {
      await messages.write(query);
      return await within("an answer", messages.read());
    },
    [Symbol.asyncDispose]: async () => {
      pair.near.close();
      await within("the server's end", serving);
      pair[Symbol.dispose]();
    },
  };
}

/** An answer to `query` by hand: its flags, numbers of records, and the records. */
function expected(
  query: Uint8Array,
  flags: number,
  counts: number[],
  rest: number[] = [],
) {
  return Uint8Array.from([
    ...query.subarray(0, 2),
    ...word(flags),
    ...[1, ...counts].flatMap(word),
    ...query.subarray(12, questionEnd(query)),
    ...rest,
  ]);
}

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

Deno.test("answers go out as they are found, and all of them before the end", async () => {
  const waiting = new Map<number, () => void>();
  const upstream: Resolver = {
    ask: (query) =>
      new Promise((resolve) => waiting.set(idOf(query), () => resolve(answerOf(query)))),
  };
  await using one = await client({ upstream });
  for (const id of [1, 2, 3]) await one.messages.write(queryOf({ id, name: "other" }));
  await one.stream.closeWrite();
  await until("three questions", () => waiting.size === 3);
  for (const id of [2, 3, 1]) {
    waiting.get(id)!();
    assert.equal(idOf((await within("an answer", one.messages.read()))!), id);
  }
  assert.equal(await within("the end", one.messages.read()), null);
});

Deno.test("with 64 questions under way it reads no further until one is answered", async () => {
  const waiting: (() => void)[] = [];
  const upstream: Resolver = {
    ask: (query) =>
      new Promise((resolve) => waiting.push(() => resolve(answerOf(query)))),
  };
  await using one = await client({ upstream });
  for (let id = 0; id < 70; id++) {
    await one.messages.write(queryOf({ id, name: "other" }));
  }
  await until("64 questions", () => waiting.length >= 64);
  waiting[5]!();
  assert.equal(idOf((await within("an answer", one.messages.read()))!), 5);
  await until("one more", () => waiting.length >= 65);
  assert.equal(waiting.length, 65);
  for (let i = 0; i < waiting.length || waiting.length < 70; i++) {
    await until("the rest", () => waiting.length > i);
    waiting[i]!();
  }
});

/** Sends messages shorter than a header among questions, and sees each answered. */
async function shortMessagesAreAnswered(messages: MessageStream): Promise<void> {
  const question = queryOf({ id: 0x0101, name: "web" });
  const lengths = [2, 4, 11];
  for (const length of lengths) {
    await messages.write(new Uint8Array(length).fill(length));
    await messages.write(question);
  }
  const got: Uint8Array[] = [];
  while (got.length < 2 * lengths.length) {
    got.push((await within("an answer", messages.read()))!);
  }
  const formerr = lengths.map((id) =>
    Uint8Array.of(id, id, 0x80, 0x81, 0, 0, 0, 0, 0, 0, 0, 0)
  );
  const is = (id: number) => (answer: Uint8Array) => idOf(answer) === id;
  assert.deepEqual(got.filter((answer) => !is(0x0101)(answer)), formerr);
  assert.deepEqual(got.filter(is(0x0101)).map(rcodeOf), lengths.map(() => 0));
}

Deno.test("a message shorter than a header is told so by its id, and the next one is answered", async () => {
  await using one = await client();
  await shortMessagesAreAnswered(one.messages);
});

Deno.test("a message too short for an id ends the connection, after what was asked", async () => {
  for (const length of [0, 1]) {
    await using one = await client();
    await one.messages.write(queryOf({ name: "web" }));
    await one.messages.write(new Uint8Array(length));
    assert.equal(rcodeOf((await within("an answer", one.messages.read()))!), 0);
    const rest = one.messages.read().catch(() => null);
    assert.equal(await within("the end", rest), null);
    await within("the server's end", one.serving);
  }
});

Deno.test("a silent client is let go, and so is one that sends a byte now and then", async () => {
  for (const nagging of [false, true]) {
    await using one = await client({ idleLimitMs: 200 });
    await one.ask(queryOf({ name: "web" }));
    const timer = nagging
      ? setInterval(() => one.stream.write(Uint8Array.of(0)).catch(() => {}), 50)
      : undefined;
    try {
      const end = one.messages.read().catch(() => null);
      assert.equal(await within("the end", end), null);
      await within("the server's end", one.serving);
    } finally {
      clearInterval(timer);
    }
  }
});

Deno.test("a client that takes no answers is let go", async () => {
  const large = Array.from({ length: 4000 }, () => A);
  let asked = 0;
  const upstream: Resolver = {
    ask: (query) => {
      asked++;
      return Promise.resolve(answerOf(query, { answers: large }));
    },
  };
  await using one = await client({ upstream, idleLimitMs: 300 });
  const asking = (async () => {
    for (let id = 0; id < 65_536; id++) {
      await one.messages.write(queryOf({ id, name: "a" }));
    }
  })().catch(() => {}); // once the server let go
  await within("the server's end", one.serving);
  await asking;
  assert.ok(asked < 1000, `${asked} answers were made for nobody`);
});

Deno.test("a client that is reset in the middle ends its connection only", async () => {
  const waiting: (() => void)[] = [];
  const upstream: Resolver = {
    ask: (query) =>
      new Promise((resolve) => waiting.push(() => resolve(answerOf(query)))),
  };
  await using one = await client({ upstream });
  await one.messages.write(queryOf({ name: "other" }));
  await until("the question", () => waiting.length === 1);
  one.stream.reset();
  waiting[0]!();
  await within("the server's end", one.serving);
});

Deno.test("a client has 128 places, and all together 1024; more are reset", async () => {
  const server = new NameServer({ names, namesOf, upstream: never });
  const ends: (() => void)[] = [];
  let resets = 0;
  const stream = (): ByteStream => ({
    read: () => new Promise((resolve) => ends.push(() => resolve(null))),
    write: () => Promise.resolve(),
    closeWrite: () => Promise.resolve(),
    reset: () => resets++,
    close: () => {},
  });
  const serving: Promise<void>[] = [];
  for (let client = 0; client < 7; client++) {
    for (let i = 0; i < 129; i++) serving.push(server.serve(stream(), client));
    assert.equal(resets, client + 1);
  }
  for (let client = 100; client < 300; client++) {
    serving.push(server.serve(stream(), client));
  }
  const held = 1024;
  assert.equal(resets, 7 + 7 * 128 + 200 - held);
  await until("as many readers", () => ends.length === held);
  for (const end of ends.splice(0)) end();
  await Promise.all(serving);
  serving.push(server.serve(stream(), 0));
  await until("a place that is free again", () => ends.length === 1);
  ends[0]!();
  await Promise.all(serving);
});

// ---- end to end ----

Deno.test("a name behind a host is found over loopback: file, server, cache, client", async () => {
  await using server = await fakeServer({
    udp: (query) => [answerOf(query, { flags: 0x0200 })],
    tcp: (query) => answerOf(query, { answers: [A] }),
  });
  const hosts = await Deno.makeTempFile();
  await Deno.writeTextFile(hosts, "10.0.0.7 db\n10.9.9.9 web\n");
  const upstream = new SystemResolver({ servers: () => [server.address], hosts });
  const told: unknown[] = [];
  const ask = async (name: string) => {
    await using one = await client({
      upstream,
      onResolved: (...args) => told.push(args),
    });
    return (await resolveOver(one.stream, name)).addresses;
  };
  assert.deepEqual(await ask("web"), [WEB], "the mesh before the hosts file");
  assert.deepEqual(await ask("db"), [0x0a000007]);
  assert.deepEqual(await ask("far.example"), [0x0a000001]);
  assert.deepEqual(await ask("FAR.example"), [0x0a000001]);
  assert.equal(server.asked.tcp.length, 1, "the second time from the cache");
  assert.deepEqual(told, [
    ["db", [0x0a000007]],
    ["far.example", [0x0a000001]],
    ["far.example", [0x0a000001]],
  ]);
  await Deno.remove(hosts);
});

/** An open connection between two stacks, carried until it is disposed of. */
async function meshPair() {
  const network = new Network();
  const near = await network.add("127.0.42.100");
  const far = await network.add("127.0.42.101");
  const connection = near.stack.connect(far.address, 10_053);
  const opened = connection.opened();
  await network.settle();
  const accepted = far.arrived.shift()!;
  accepted.accept();
  let on = true;
  const carrying = (async () => {
    for (; on; await pause(2)) await network.settle();
  })();
  await within("the connection", Promise.all([opened, accepted.opened()]));
  return {
    near: new MeshStream(connection),
    far: new MeshStream(accepted),
    [Symbol.asyncDispose]: async () => {
      on = false;
      await carrying;
    },
  };
}

Deno.test("over the stack it answers, and lets go of a silent client", async () => {
  await using pair = await meshPair();
  const serving = new NameServer({ names, namesOf, upstream: never, idleLimitMs: 200 })
    .serve(pair.far);
  const messages = new MessageStream(pair.near);
  await messages.write(queryOf({ id: 9, name: "web" }));
  assert.equal(idOf((await within("an answer", messages.read()))!), 9);
  assert.equal(await within("the end", messages.read()), null);
  await within("the server's end", serving);
  pair.near.reset();
});

Deno.test("over the stack a message shorter than a header is answered as well", async () => {
  await using pair = await meshPair();
  const serving = new NameServer({ names, namesOf, upstream: never }).serve(pair.far);
  await shortMessagesAreAnswered(new MessageStream(pair.near));
  pair.near.close();
  await within("the server's end", serving);
});

Deno.test("over the stack a client has its addresses, and both ends let go", async () => {
  await using pair = await meshPair();
  const serving = new NameServer({ names, namesOf, upstream: never }).serve(pair.far);
  const { addresses } = await resolveOver(pair.near, "web.example");
  assert.deepEqual(addresses, [WEB]);
  await within("the server's end", serving);
});

// ---- random and hostile input ----

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
