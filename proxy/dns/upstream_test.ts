import assert from "node:assert/strict";
import { within } from "../../tests/harness/scene/wait.ts";
import { answerOf, fakeServer, ipBytes, queryOf } from "./_fake_dns.ts";
import { CachingResolver } from "./cache.ts";
import { idOf, rcodeOf, withId } from "./message.ts";
import { ServerResolver } from "./upstream.ts";

const A = { type: 1, data: ipBytes("10.0.0.1") };
const query = queryOf({ name: "web.example", options: [0, 10, 0, 2, 5, 5] });
/** Short, because what is silent here stays silent. */
const LIMITS = { serverLimitMs: 800, limitMs: 8000 };

function resolver(...servers: string[]): ServerResolver {
  return new ServerResolver({ ...LIMITS, servers: () => servers });
}

/** Large enough that only a machine at a standstill reaches it. */
const PATIENT = { serverLimitMs: 20_000, limitMs: 20_000 };

Deno.test("a query goes out as it came, but for its id, and the answer comes back with it", async () => {
  await using server = await fakeServer({
    udp: (query) => [answerOf(query, { answers: [A] })],
  });
  const patient = new ServerResolver({ ...PATIENT, servers: () => [server.address] });
  const ids = new Set<number>();
  for (let i = 0; i < 5; i++) {
    const answer = await patient.ask(query);
    assert.deepEqual(answer, answerOf(query, { answers: [A] }));
    const asked = server.asked.udp[i]!;
    assert.deepEqual(withId(asked, idOf(query)), query);
    ids.add(idOf(asked));
  }
  assert.ok(ids.size > 1, "ids are left to chance");
});

Deno.test("a server with an IPv6 address is asked too", async () => {
  await using server = await fakeServer({ udp: (query) => [answerOf(query)] }, "::1");
  const patient = new ServerResolver({ ...PATIENT, servers: () => [server.address] });
  assert.equal(idOf(await patient.ask(query)), idOf(query));
});

Deno.test("what is not the answer is ignored: another id, question, sender or direction", async () => {
  await using server = await fakeServer({
    udp: (query) => [
      withId(answerOf(query, { rcode: 3 }), idOf(query) ^ 1),
      withId(answerOf(queryOf({ name: "evil.example" }), { rcode: 3 }), idOf(query)),
      query,
      query.subarray(0, 5),
      { other: answerOf(query, { rcode: 3 }) },
      answerOf(query, { answers: [A] }),
    ],
  });
  const patient = new ServerResolver({ ...PATIENT, servers: () => [server.address] });
  assert.equal(rcodeOf(await patient.ask(query)), 0);
});

Deno.test("an answer that is cut short is asked for again over TCP", async () => {
  const many = Array.from({ length: 2000 }, () => A);
  await using server = await fakeServer({
    udp: (query) => [answerOf(query, { flags: 0x0200 })],
    tcp: (query) => answerOf(query, { answers: many }),
  });
  const patient = new ServerResolver({ ...PATIENT, servers: () => [server.address] });
  assert.deepEqual(await patient.ask(query), answerOf(query, { answers: many }));
  assert.equal(server.asked.tcp.length, 1);
});

Deno.test("a long query goes over TCP at once", async () => {
  await using server = await fakeServer({ tcp: (query) => answerOf(query) });
  const patient = new ServerResolver({ ...PATIENT, servers: () => [server.address] });
  const padding = [0, 12, 2, 0, ...Array(512).fill(0)];
  await patient.ask(queryOf({ name: "web.example", options: padding }));
  assert.deepEqual([server.asked.udp.length, server.asked.tcp.length], [0, 1]);
});

Deno.test("after a server that is silent, lies over TCP or is no address comes the next", async () => {
  await using silent = await fakeServer({});
  await using broken = await fakeServer({
    udp: (query) => [answerOf(query, { flags: 0x0200 })],
    tcp: () => undefined,
  });
  await using lying = await fakeServer({
    udp: (query) => [answerOf(query, { flags: 0x0200 })],
    tcp: (query) => withId(answerOf(query), idOf(query) ^ 1),
  });
  await using good = await fakeServer({ udp: (query) => [answerOf(query)] });
  const { address } = good;
  const one = resolver(
    silent.address,
    "nonsense",
    broken.address,
    lying.address,
    address,
  );
  await one.ask(query);
  assert.equal(silent.asked.udp.length, 1);
  assert.equal(lying.asked.tcp.length, 1);
  assert.equal(good.asked.udp.length, 1);
  // From now on it is asked first.
  await one.ask(query);
  assert.equal(silent.asked.udp.length, 1);
  assert.equal(good.asked.udp.length, 2);
});

Deno.test("after a server that cannot or will not comes the next, and the last one's word counts", async () => {
  await using failing = await fakeServer({
    udp: (query) => [answerOf(query, { rcode: 2 })],
  });
  await using refusing = await fakeServer({
    udp: (query) => [answerOf(query, { rcode: 5 })],
  });
  await using none = await fakeServer({
    udp: (query) => [answerOf(query, { rcode: 3 })],
  });
  const ask = async (...servers: string[]) =>
    rcodeOf(await resolver(...servers).ask(query));
  assert.equal(await ask(failing.address, refusing.address), 5);
  assert.equal(await ask(refusing.address, failing.address), 2);
  assert.equal(await ask(refusing.address, none.address, failing.address), 3);
  assert.equal(failing.asked.udp.length, 2, "who says no is asked once");
});

Deno.test("when all are silent it ends after the limit, and says who was asked", async () => {
  await using silent = await fakeServer({});
  const since = performance.now();
  await assert.rejects(
    resolver(silent.address).ask(query),
    new RegExp(`No DNS server answered: ${silent.address} gave no answer within 0.8 s`),
  );
  assert.ok(performance.now() - since >= 1600 - 20, "each has a second chance");
  assert.equal(silent.asked.udp.length, 2);
  const brief = new ServerResolver({
    serverLimitMs: 20_000,
    limitMs: 100,
    servers: () => [silent.address],
  });
  await within("the limit of all", assert.rejects(brief.ask(query)), 10_000);
});

Deno.test("without servers nobody is asked", async () => {
  await assert.rejects(resolver().ask(query), /this machine has none set/);
});

Deno.test("the list of servers is read for each query", async () => {
  await using first = await fakeServer({ udp: (query) => [answerOf(query)] });
  await using second = await fakeServer({ udp: (query) => [answerOf(query)] });
  let servers = [first.address];
  const changing = new ServerResolver({ ...PATIENT, servers: () => servers });
  await changing.ask(query);
  servers = [second.address];
  await changing.ask(query);
  assert.deepEqual([first.asked.udp.length, second.asked.udp.length], [1, 1]);
});

Deno.test("an aborted resolver ends what is under way, over UDP and TCP, and what comes", async () => {
  const ending = new AbortController();
  const reached = Promise.withResolvers<void>();
  await using silent = await fakeServer({
    udp: (query) => query[13] === 0x75 ? [] : [answerOf(query, { flags: 0x0200 })],
    tcp: () => {
      reached.resolve();
      ending.abort(new Error("the agent ends"));
      return undefined;
    },
  });
  const resolver = new ServerResolver({
    ...PATIENT,
    servers: () => [silent.address],
    signal: ending.signal,
  });
  const asked = [
    resolver.ask(queryOf({ name: "udp" })),
    resolver.ask(queryOf({ name: "tcp" })),
  ];
  const settled = await within("the end", Promise.allSettled(asked), 10_000);
  for (const result of settled) {
    assert.ok(result.status === "rejected");
    assert.match(`${result.reason}`, /the agent ends/);
  }
  await assert.rejects(resolver.ask(query), /the agent ends/);
});

Deno.test("more queries at one time than it has sockets for wait for their turn", async () => {
  await using server = await fakeServer({ udp: (query) => [answerOf(query)] });
  const patient = new ServerResolver({ ...PATIENT, servers: () => [server.address] });
  const all = await Promise.allSettled(
    Array.from({ length: 1400 }, (_, id) => patient.ask(queryOf({ id, name: "web" }))),
  );
  const refused = all.filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 1400 - 256 - 1024);
  for (const { reason } of refused as PromiseRejectedResult[]) {
    assert.match(`${reason}`, /1024 queries wait already/);
  }
});

Deno.test("an error may come without the question, from the cache's resolver too", async () => {
  const error = (query: Uint8Array) =>
    Uint8Array.from([...query.subarray(0, 2), 0x80, 1, ...Array(8).fill(0)]);
  await using server = await fakeServer({ udp: (query) => [error(query)] });
  const servers = new ServerResolver({ ...PATIENT, servers: () => [server.address] });
  const plain = queryOf({ name: "web.example" });
  assert.deepEqual(await new CachingResolver(servers).ask(plain), error(plain));
});
