import assert from "node:assert/strict";
import type { FakeAgent } from "./_fake_agent.ts";
import { settle } from "../link/_fake_clock.ts";
import { ACK, BACK, Bench, isReset, segment, SYN, three } from "./_bench.ts";

Deno.test("packets go from host to host, and to routed addresses", async () => {
  await using bench = await new Bench().start(three);
  const there = segment("127.0.42.101", "127.0.42.102", SYN);
  await bench.agent("a").packet(there);
  const routed = segment("127.0.42.101", "10.1.2.3", SYN);
  await bench.agent("a").packet(routed);
  await settle();
  assert.deepEqual(bench.agent("b").packets, [there, routed]);
  const back = segment("10.1.2.3", "127.0.42.101", SYN | ACK, BACK);
  await bench.agent("b").packet(back);
  await settle();
  assert.deepEqual(bench.agent("a").packets, [back]);
  assert.equal(bench.mesh.counters.delivered, 3);
});

Deno.test("a packet in the name of another host is dropped and counted", async () => {
  await using bench = await new Bench().start(three);
  await bench.agent("a").packet(segment("127.0.42.103", "127.0.42.102"));
  await bench.agent("a").packet(new Uint8Array(3));
  await settle();
  assert.deepEqual(bench.agent("b").packets, []);
  const { police } = bench.mesh.hosts.get("a")!;
  assert.deepEqual([police.source, police.short], [1, 1]);
  assert.equal(bench.mesh.hosts.get("a")!.state, "ready");
});

Deno.test("agents that understand it are told at once that a host is down", async () => {
  await using bench = await new Bench().start(three);
  bench.cut.get("b")!("cut");
  await settle();
  const told = (host: string) =>
    bench.agent(host).messages.filter(({ type }) => type === "event");
  assert.deepEqual(told("a"), [{
    type: "event",
    body: { type: "hostDown", data: { ip: "127.0.42.102", ranges: [] } },
  }]);
  assert.deepEqual(told("c"), [], "it did not announce that it understands");
});

Deno.test("packets to a host that is down are answered with a reset", async () => {
  await using bench = await new Bench().start(three);
  bench.cut.get("b")!("cut");
  await settle();
  await bench.agent("c").packet(segment("127.0.42.103", "127.0.42.102"));
  await bench.agent("a").packet(segment("127.0.42.101", "127.0.42.102", SYN));
  await settle();
  assert.deepEqual(bench.agent("c").packets.map(isReset), [true]);
  // The reason in ICMP comes first.
  assert.deepEqual(bench.agent("a").packets.map(isReset), [false, true]);
});

Deno.test("a connection to a host that starts waits until it is up", async () => {
  const slow = {
    hosts: { ...three.hosts, b: { ...three.hosts.b, fake: { isMute: true } } },
  };
  await using bench = await new Bench().start(slow);
  await bench.agent("a").packet(segment("127.0.42.101", "127.0.42.102", SYN));
  await settle();
  assert.deepEqual(bench.agent("b").packets, []);
  assert.deepEqual(bench.agent("a").packets, []);
  await bench.clock.pass(20_000, 1000);
  assert.deepEqual(bench.agent("a").packets.map(isReset), [false, true], "but no longer");
});

Deno.test("connections are told if that is asked for, with hosts, bytes and end", async () => {
  for (const connections of [false, true]) {
    await using bench = await new Bench().start(three, { connections });
    const [a, b] = [bench.agent("a"), bench.agent("b")];
    await a.packet(segment("127.0.42.101", "127.0.42.102", SYN));
    await b.packet(segment("127.0.42.102", "127.0.42.101", SYN | 0x10, [80, 50_000]));
    await a.packet(segment("127.0.42.101", "10.1.2.3", SYN));
    bench.cut.get("b")!("cut");
    await bench.clock.pass(10);
    const told = bench.events.filter((event) => event.type === "connection");
    if (!connections) {
      assert.deepEqual(told, []);
      continue;
    }
    const [opened, ...ended] = told;
    assert.equal(opened!.phase, "opened");
    assert.match(opened!.message, /^Connection a:\d+ to b:\d+ opened after \d+ ms$/);
    assert.deepEqual(ended.map(({ end, target, sent }) => [end, target, sent]), [
      ["ended: b is down", "b", 0],
      ["ended: b is down", "b", 0],
    ]);
    assert.match(ended[1]!.message, /to 10\.1\.2\.3:\d+ by b ended: b is down after/);
  }
});

Deno.test("a suggestion of an agent counts for that agent", async () => {
  await using bench = await new Bench().start(three);
  await bench.agent("a").message({
    type: "event",
    body: {
      type: "routeSuggestion",
      data: { ip: ["192.168.7.7"], route: "127.0.42.102" },
    },
  });
  await bench.agent("a").packet(segment("127.0.42.101", "192.168.7.7", SYN));
  await bench.agent("c").packet(segment("127.0.42.103", "192.168.7.7", SYN));
  await settle();
  assert.equal(bench.agent("b").packets.length, 1);
  assert.equal(bench.mesh.counters.unroutable, 1);
});

Deno.test("two bastions with the same subnet keep connections apart", async () => {
  const [ADDRESS, NET] = ["192.168.95.10", "192.168.95.0/24"];
  await using bench = await new Bench().start({
    hosts: {
      a: { fake: {}, vip: "127.0.42.101" },
      east: { fake: {}, vip: "127.0.42.102" },
      west: { fake: {}, vip: "127.0.42.103" },
    },
    routes: [{ via: "east", to: [NET, "*.east"] }, { via: "west", to: [NET, "*.west"] }],
  });
  const [a, east, west] = ["a", "east", "west"].map((host) => bench.agent(host)) as [
    FakeAgent,
    FakeAgent,
    FakeAgent,
  ];
  const suggest = (route: string) =>
    a.message({
      type: "event",
      body: { type: "routeSuggestion", data: { ip: [ADDRESS], route } },
    });
  const there = (port: number, flags?: number) =>
    segment("127.0.42.101", ADDRESS, flags, [port, 80]);
  const back = (port: number, flags?: number) =>
    segment(ADDRESS, "127.0.42.101", flags, [80, port]);

  // web.east and web.west have the same address; each name is looked up before its use.
  await suggest("127.0.42.102");
  await a.packet(there(1, SYN));
  await suggest("127.0.42.103");
  await a.packet(there(2, SYN));
  await settle();
  await east.packet(back(1, SYN | ACK));
  await west.packet(back(2, SYN | ACK));
  await settle();
  for (const port of [1, 2]) await a.packet(there(port));
  await settle();
  assert.deepEqual(east.packets, [there(1, SYN), there(1)]);
  assert.deepEqual(west.packets, [there(2, SYN), there(2)]);
  assert.deepEqual(a.packets, [back(1, SYN | ACK), back(2, SYN | ACK)]);

  await east.packet(back(2));
  await settle();
  assert.equal(a.packets.length, 2, "east cannot speak on a connection of west");
  assert.equal(bench.mesh.hosts.get("east")!.police.source, 1);
  assert.deepEqual(east.packets.slice(2).map(isReset), [true], "and is told so");

  bench.cut.get("east")!("cut");
  await settle();
  assert.deepEqual(a.packets.slice(2).map((packet) => [packet[23], isReset(packet)]), [
    [1, true],
  ]);
  await west.packet(back(2));
  await a.packet(there(2));
  await settle();
  assert.deepEqual(a.packets.slice(3), [back(2)]);
  assert.deepEqual(west.packets.slice(2), [there(2)]);
  assert.equal(bench.mesh.counters.aborted, 1);
});
