import assert from "node:assert/strict";
import { settle } from "../../link/_fake_clock.ts";
import { ACK, BACK, isReset, segment, SYN } from "../_bench.ts";
import { base, d, other, SwapBench } from "./_swap_bench.ts";

const [A, B, C] = ["127.0.42.101", "127.0.42.102", "127.0.42.103"];
const withoutB = other(base, ["b"]);
const muteB = other(base, [], { b: { ...base.hosts.b, fake: { isMute: true } } });
const newB = other(base, [], { b: { ...base.hosts.b, fake: { version: "2" } } });

Deno.test("hosts come and go, and those that stay are not touched", async () => {
  await using bench = await new SwapBench().start({ ...base });
  const [a, c] = [bench.mesh.hosts.get("a"), bench.agent("c")];
  const told = bench.agent("a").messages.length;
  const manifest = await bench.swapped(other(base, ["c"], { d }));
  assert.equal(bench.states, "a ready, b ready, d ready");
  assert.equal(bench.mesh.manifest, manifest);
  assert.equal(bench.mesh.hosts.get("a"), a);
  assert.deepEqual(bench.opened, ["a", "b", "c", "d"]);
  assert.deepEqual(
    bench.agent("a").messages.slice(told).map(({ body }) => [body.type, body.data.ip]),
    [["hostDown", C]],
    "which is all that an agent is told today",
  );
  await c.ended;
  assert.deepEqual(bench.messages("closed"), ["Closed: c (127.0.42.103)"]);
  assert.deepEqual(bench.messages("ready").slice(3), [
    "Ready: d (127.0.42.104) after 0.00 s",
  ]);
  const { rulesVersion, hosts, queues } = await bench.mesh.status();
  assert.equal(rulesVersion, 2);
  for (const list of [hosts, queues]) {
    assert.deepEqual(list.map(({ host }) => host), ["a", "b", "d"]);
  }
  assert.equal((await bench.mesh.ready()).ok, true);
});

Deno.test("packets between hosts that stay go on during a swap", async () => {
  await using bench = await new SwapBench().start({ ...base });
  const [a, b, c] = [bench.agent("a"), bench.agent("b"), bench.agent("c")];
  const routed = (flags?: number) => segment(A, "10.1.2.3", flags);
  const answer = (flags?: number) => segment("10.1.2.3", A, flags, BACK);
  await a.packet(routed(SYN));
  await settle();
  await b.packet(answer(SYN | ACK));
  await settle();
  const sent: Uint8Array[] = [];
  for (const shape of [other(base, ["c"], { d }), base, other(base, [], { d })]) {
    // Some are under way while the turn of the swap comes.
    for (let i = 0; i < 20; i++) {
      sent.push(segment(A, B, ACK, [50_000 + sent.length, 80]), routed());
      for (const packet of sent.slice(-2)) a.packet(packet);
      b.packet(answer());
      if (i === 10) bench.swap(shape);
    }
    await settle();
  }
  assert.deepEqual(b.packets.slice(1), sent);
  assert.equal(a.packets.length, 61);
  assert.deepEqual(a.packets.filter(isReset), []);
  const { aborted, refused, delivered } = bench.mesh.counters;
  assert.deepEqual([aborted, refused, delivered], [0, 0, 2 + 180], "counted on");
  assert.deepEqual(c.packets, []);
});

Deno.test("what goes to a host that was removed is refused at once", async () => {
  await using bench = await new SwapBench().start({ ...base });
  const a = bench.agent("a");
  await a.packet(segment(A, "10.1.2.3", SYN));
  await settle();
  await bench.swapped(withoutB);
  assert.deepEqual(a.packets.map(isReset), [true], "the connection through b is over");
  await a.packet(segment(A, B));
  await a.packet(segment(A, B, SYN));
  await a.packet(segment(A, "10.1.2.3", SYN));
  await settle();
  // To a SYN the reason in ICMP comes first.
  assert.deepEqual(a.packets.slice(1).map(isReset), [true, false, true, false, true]);
});

Deno.test("what waits for a host that is starting is refused when the host is ended", async () => {
  for (const next of [withoutB, newB]) {
    await using bench = await new SwapBench().start({ ...muteB });
    await bench.agent("a").packet(segment(A, B, SYN));
    await settle();
    assert.deepEqual(bench.agent("a").packets, []);
    await bench.swapped(next);
    assert.deepEqual(bench.agent("a").packets.map(isReset), [false, true]);
  }
});

Deno.test("to a host that starts anew connections end, and new ones wait", async () => {
  await using bench = await new SwapBench().start({ ...base }, { connections: true });
  const a = bench.agent("a");
  await a.packet(segment(A, B, SYN));
  await settle();
  bench.swap(newB);
  assert.equal(bench.states, "a ready, b starting, c ready");
  a.packet(segment(A, B));
  a.packet(segment(A, B, SYN, [50_001, 80]));
  await settle();
  assert.deepEqual(a.packets.map(isReset), [true]);
  assert.deepEqual(bench.agent("b").packets, [segment(A, B, SYN, [50_001, 80])]);
  assert.equal(bench.mesh.hosts.get("b")!.version, "2");
  assert.deepEqual(
    bench.events.map(({ message }) => message).filter((line) =>
      /^(Closed|Ready): b/.test(line)
    ),
    [
      "Ready: b (127.0.42.102) after 0.00 s",
      "Closed: b (127.0.42.102), which starts anew",
      "Ready: b (127.0.42.102) after 0.00 s",
    ],
  );
  assert.match(bench.messages("connection")[0]!, /to b:80 ended: b is down/);
  const { links } = await bench.mesh.status();
  assert.deepEqual(links.map(({ timesReady, frames }) => [timesReady, frames.ok > 0]), [
    [1, true],
    [1, true],
    [1, true],
  ]);
});

Deno.test("two hosts may exchange their addresses", async () => {
  await using bench = await new SwapBench().start({ ...base });
  await bench.swapped({
    hosts: {
      ...base.hosts,
      b: { ...base.hosts.b, vip: C },
      c: { ...base.hosts.c, vip: B },
    },
  });
  await bench.agent("a").packet(segment(A, C, SYN));
  await bench.agent("b").packet(segment(C, B, SYN));
  await settle();
  assert.deepEqual(bench.agent("b").packets, [segment(A, C, SYN)]);
  assert.deepEqual(bench.agent("c").packets, [segment(C, B, SYN)]);
});

Deno.test("the next link of a host that stays brings what is in force by then", async () => {
  await using bench = await new SwapBench().start({ ...base });
  const ports = Array.from({ length: 500 }, (_, port) => `${port + 1}:127.0.0.1:80`);
  await bench.swapped(other(base, ["c"], { d: { ...d, ports } }));
  bench.cut.get("a")!("cut");
  await bench.clock.pass(2000, 100);
  const { args } = bench.agent("a").messages[0]!.body;
  assert.deepEqual(Object.keys(args.hostnameMap), ["a", "b", "d"]);
  assert.equal(args.others.length, 501);
  // Its status may be as long as such a configuration makes it.
  const listeners = args.others.map(({ ip, port }: { ip: string; port: number }) => ({
    address: `${ip}:${port}`,
    kind: "loopback",
    error: { code: "EACCES", message: "x".repeat(250) },
  }));
  bench.agent("a").behaviour = { listeners };
  assert.equal((await bench.mesh.status()).listeners.length, 501);
  assert.equal(bench.states, "a ready, b ready, d ready");
});

Deno.test("a name that comes back waits until its last agent is gone", async () => {
  await using bench = await new SwapBench().start({ ...base });
  const gate = Promise.withResolvers<void>();
  bench.held.set("b", gate.promise);
  await bench.swapped(withoutB);
  await bench.swapped(base); // as a new host
  await bench.swapped(newB); // and as another, before it began
  assert.equal(bench.states, "a ready, b starting, c ready");
  assert.deepEqual(bench.opened, ["a", "b", "c"]);
  assert.equal((await bench.mesh.status()).rulesVersion, 4);
  gate.resolve();
  await settle();
  assert.equal(bench.states, "a ready, b ready, c ready");
  assert.deepEqual(bench.opened, ["a", "b", "c", "b"]);
  assert.equal(bench.mesh.hosts.get("b")!.version, "2");
  assert.equal(bench.messages("closed").length, 2);
});

Deno.test("of two swaps in a turn the second counts", async () => {
  await using bench = await new SwapBench().start({ ...base });
  bench.swap(other(base, ["b", "c"], { d }));
  bench.swap(withoutB);
  await settle();
  assert.equal(bench.states, "a ready, c ready");
  assert.deepEqual(bench.opened.toSorted(), ["a", "b", "c", "c", "d"]);
  assert.deepEqual(bench.messages("closed").toSorted(), [
    "Closed: b (127.0.42.102)",
    "Closed: c (127.0.42.103), which starts anew",
    "Closed: d (127.0.42.104)",
  ]);
  assert.equal(bench.messages("ready").length, 4, "d was ended before it was ready");
});

Deno.test("a swap during the start: ready() is about the hosts that are there then", async () => {
  await using bench = await new SwapBench().start({ ...muteB });
  const first = bench.mesh.ready();
  await bench.swapped(other(withoutB, [], { d: { ...d, fake: { isMute: true } } }));
  const second = bench.mesh.ready();
  await bench.swapped(other(withoutB, [], { d }));
  for (const { ok, ready } of await Promise.all([first, second])) {
    assert.deepEqual([ok, ready.map(({ name }) => name)], [true, ["a", "c", "d"]]);
  }
  assert.deepEqual(bench.messages("down"), []);
});

Deno.test("a link that opens during a swap brings what is in force by then", async () => {
  const bench = new SwapBench();
  const gate = Promise.withResolvers<void>();
  const { open } = bench.transport;
  bench.transport.open = async (behaviour, context) => {
    await gate.promise;
    return await open.call(bench.transport, behaviour, context);
  };
  await bench.start({ ...base });
  await bench.swapped(other(base, ["c"], { d }));
  gate.resolve();
  await settle();
  assert.equal(bench.states, "a ready, b ready, d ready");
  const { args } = bench.agent("a").messages[0]!.body;
  assert.deepEqual(Object.keys(args.hostnameMap), ["a", "b", "d"]);
  await bench[Symbol.asyncDispose]();
});

Deno.test("a close waits for hosts that were removed, and ends all swaps", async () => {
  const bench = await new SwapBench().start({ ...base });
  const gate = Promise.withResolvers<void>();
  bench.held.set("b", gate.promise);
  const inForce = bench.swap(newB);
  let isClosed = false;
  const closing = bench.mesh.close().then(() => isClosed = true);
  assert.throws(
    () => bench.swap(base),
    /Cannot change the hosts of a mesh that was closed/,
  );
  await settle();
  assert.equal(isClosed, false);
  gate.resolve();
  await closing;
  assert.deepEqual(bench.messages("closed"), ["Closed: b (127.0.42.102)"]);
  assert.equal(bench.states, "a closed, b closed, c closed");
  assert.deepEqual(bench.opened, ["a", "b", "c"], "b does not start any more");
  assert.equal(bench.mesh.manifest, inForce);
  assert.throws(() => bench.swap(base), /closed/);
  await bench[Symbol.asyncDispose]();
});

Deno.test("a listener may close the mesh during a swap, and may not swap", async () => {
  const bench = new SwapBench();
  let error: unknown;
  await bench.start({ ...base }, {
    connections: true,
    onEvent({ type }) {
      if (type !== "connection") return;
      try {
        bench.swap(base);
      } catch (thrown) {
        error = thrown;
      }
      bench.mesh.close();
    },
  });
  await bench.agent("a").packet(segment(A, B, SYN));
  await settle();
  await bench.swapped(other(newB, ["c"], { d }));
  assert.match(String(error), /Cannot change hosts while they are changed/);
  await bench.mesh.close();
  assert.equal(bench.states, "a closed, b closed, d closed");
  assert.deepEqual(bench.opened, ["a", "b", "c"]);
  await Promise.all([...bench.agents.values()].map(({ ended }) => ended));
  await bench[Symbol.asyncDispose]();
});

Deno.test("a swap that cannot be made changes nothing", async () => {
  await using bench = await new SwapBench().start({ ...base });
  const { manifest, hosts } = bench.mesh;
  const before = [...hosts.values()];
  const next = bench.read(other(base, ["b"], { d }));
  assert.throws(() => bench.running.swap(next, new Map()), /No transport "fake"/);
  await settle();
  assert.equal(bench.mesh.manifest, manifest);
  assert.deepEqual([...hosts.values()], before);
  assert.equal(bench.states, "a ready, b ready, c ready");
  assert.equal((await bench.mesh.status()).rulesVersion, 1);
  await bench.swapped(withoutB);
  assert.equal(bench.states, "a ready, c ready");
});

Deno.test("a host whose transport is other code is another host", async () => {
  await using bench = await new SwapBench().start({ ...base });
  const a = bench.mesh.hosts.get("a");
  const transports = new Map([["fake", { ...bench.transport }]]);
  bench.running.swap(bench.read(base), transports);
  await settle();
  assert.notEqual(bench.mesh.hosts.get("a"), a);
  assert.equal(bench.states, "a ready, b ready, c ready");
});

Deno.test("a host may be started anew by itself, in its place among the others", async () => {
  await using bench = await new SwapBench().start({ ...base });
  const b = bench.mesh.hosts.get("b");
  await bench.agent("a").packet(segment(A, B, SYN));
  assert.equal(bench.running.restart("b"), true);
  assert.equal(bench.states, "a ready, b starting, c ready");
  await settle();
  assert.equal(bench.states, "a ready, b ready, c ready");
  assert.notEqual(bench.mesh.hosts.get("b"), b);
  assert.deepEqual(bench.messages("closed"), [
    "Closed: b (127.0.42.102), which starts anew",
  ]);
  assert.equal(bench.running.restart("nobody"), false);
});

Deno.test("ready() is about the host that took the place of one that was started anew", async () => {
  await using bench = await new SwapBench().start({ ...muteB });
  const ready = bench.mesh.ready();
  bench.running.restart("b");
  await settle();
  const { id } = bench.agent("b").messages[0]!.body;
  const data = { features: ["tcp", "loopback"], version: "1" };
  const body = { request_id: id, op: "configure", data };
  await bench.agent("b").message({ type: "result", body });
  assert.equal((await ready).ok, true);
});
