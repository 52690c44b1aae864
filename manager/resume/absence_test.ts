// What agents are told of hosts that go away, come back, or go down.
import assert from "node:assert/strict";
import { settle } from "../../link/_fake_clock.ts";
import { ACK, BACK, Bench, isReset, segment, staying, SYN } from "../_bench.ts";
import { SwapBench } from "../members/_swap_bench.ts";

const [A, B, C, D] = ["127.0.42.101", "127.0.42.102", "127.0.42.103", "127.0.42.104"];

/** Hosts whose agents stay, but for one of an earlier version and one of NoRouter. */
const mesh = {
  hosts: {
    a: { fake: staying, vip: A },
    b: { fake: staying, vip: B, ports: ["80:127.0.0.1:8080"] },
    older: { fake: { features: ["tcp", "loopback", "hostDown"] }, vip: C },
    norouter: { fake: { features: ["tcp", "loopback"] }, vip: D },
  },
  routes: [{ via: "b", to: ["10.0.0.0/8", "*.internal"] }],
};

/** The events that an agent was told. */
function told(bench: Bench, host: string): string[] {
  return bench.agent(host).messages.filter(({ type }) => type === "event").map(
    ({ body: { type, data } }) => [type, data?.ip, ...data?.ranges ?? []].join(" "),
  );
}

/** A mesh that is ready, for two seconds. */
async function ready(bench = new Bench()): Promise<Bench> {
  await bench.start(mesh);
  await bench.clock.pass(2000);
  return bench;
}

async function cut(bench: Bench, host: string): Promise<void> {
  bench.cut.get(host)!("cut");
  await settle();
}

Deno.test("an absence is told to those that know of absences, and to others as an end", async () => {
  await using bench = await ready();
  bench.unreachable.add("b");
  await cut(bench, "b");
  assert.equal(bench.mesh.hosts.get("b")!.state, "away");
  assert.deepEqual(told(bench, "a"), [`hostAway ${B}`]);
  assert.deepEqual(told(bench, "older"), [`hostDown ${B}`]);
  assert.deepEqual(told(bench, "norouter"), []);
  bench.unreachable.clear();
  await bench.clock.pass(3000);
  assert.equal(bench.mesh.hosts.get("b")!.state, "ready");
  assert.deepEqual(told(bench, "a"), [`hostAway ${B}`, `hostBack ${B}`]);
  assert.deepEqual(told(bench, "older"), [`hostDown ${B}`], "nothing more");
});

Deno.test("connections through a host that is away are named, one by one", async () => {
  await using bench = await ready();
  const open = async (port: number, to: string) => {
    await bench.agent("a").packet(segment(A, to, SYN, [port, 80]));
    await bench.agent("b").packet(segment(to, A, SYN | ACK, [80, port]));
    await settle();
  };
  await open(1, "10.1.2.3");
  await open(2, "10.1.2.3");
  await open(3, "10.9.9.9");
  await cut(bench, "b");
  const ranges = "10.1.2.3/32 10.9.9.9/32";
  assert.deepEqual(told(bench, "a"), [
    `hostAway ${B} ${ranges}`,
    `hostBack ${B} ${ranges}`,
  ]);
  await bench.agent("b").packet(segment("10.1.2.3", A, ACK, [80, 1]));
  await settle();
  assert.ok(!bench.agent("a").packets.some(isReset));
  assert.equal(bench.agent("a").packets.length, 4, "they go on");
});

Deno.test("of very many addresses the ranges of the routes are named", async () => {
  await using bench = await ready();
  for (let last = 1; last <= 40; last++) {
    await bench.agent("a").packet(segment(A, `10.1.2.${last}`, SYN));
  }
  await settle();
  bench.unreachable.add("b");
  await cut(bench, "b");
  assert.deepEqual(told(bench, "a"), [`hostAway ${B} 10.0.0.0/8`]);
});

Deno.test("packets to a host that is away are dropped, and nobody is reset", async () => {
  await using bench = await ready();
  bench.unreachable.add("b");
  await cut(bench, "b");
  await bench.agent("a").packet(segment(A, B));
  await bench.agent("norouter").packet(segment(D, B));
  await settle();
  assert.deepEqual(bench.agent("a").packets, []);
  assert.deepEqual(bench.agent("norouter").packets, []);
  assert.equal(bench.mesh.counters.missed, 2);
});

Deno.test("a connection to a host that is away waits, but not for more than 10 s", async () => {
  await using bench = await ready();
  bench.unreachable.add("b");
  await cut(bench, "b");
  const [a, b] = [bench.agent("a"), bench.agent("b")];
  await a.packet(segment(A, B, SYN, [1, 80]));
  await bench.clock.pass(9000);
  assert.deepEqual(a.packets, []);
  await bench.clock.pass(1000);
  // The reason in ICMP comes first.
  assert.deepEqual(a.packets.map(isReset), [false, true]);
  const second = segment(A, B, SYN, [2, 80]);
  await a.packet(second);
  bench.unreachable.clear();
  await bench.clock.pass(9000);
  assert.deepEqual(b.packets, [second], "once it is back");
  assert.equal(a.packets.length, 2);
});

Deno.test("an agent that is gone after all is told as down, and held no more", async () => {
  await using bench = await ready();
  bench.unreachable.add("b");
  await cut(bench, "b");
  await bench.agent("b").end();
  bench.unreachable.clear();
  await bench.clock.pass(3000);
  assert.equal(bench.mesh.hosts.get("b")!.state, "ready");
  assert.deepEqual(told(bench, "a"), [`hostAway ${B}`, `hostDown ${B}`, `hostBack ${B}`]);
  assert.deepEqual(told(bench, "older"), [`hostDown ${B}`], "once is enough");
});

Deno.test("when the time of an agent is over, those that held are told", async () => {
  await using bench = await ready();
  await bench.agent("a").packet(segment(A, "10.1.2.3", SYN));
  await bench.agent("b").packet(segment("10.1.2.3", A, SYN | ACK, BACK));
  await settle();
  bench.unreachable.add("b");
  await cut(bench, "b");
  await bench.clock.pass(61_000);
  assert.equal(bench.mesh.hosts.get("b")!.state, "down");
  const ranges = "10.1.2.3/32";
  assert.deepEqual(told(bench, "a"), [
    `hostAway ${B} ${ranges}`,
    `hostDown ${B}`,
    `hostBack ${B} ${ranges}`,
  ]);
  // The reset, and then provocations, since nobody knows whether that was heard.
  const resets = bench.agent("a").packets.map(isReset);
  assert.deepEqual(resets.slice(0, 2), [false, true]);
  assert.ok(resets.slice(2).every((is) => !is));
  const down = bench.messages("down");
  assert.match(down[0]!, /^"b" did not come back within 60 s: no way; .*trying again in/);
});

Deno.test("who was away itself learns what it missed", async () => {
  await using bench = await ready();
  bench.unreachable.add("a").add("b");
  await cut(bench, "b");
  await cut(bench, "a");
  bench.unreachable.delete("b");
  await bench.clock.pass(3000); // b is back, and a does not know
  bench.cut.get("older")!("cut"); // its agent is gone, and comes anew
  await bench.clock.pass(3000);
  bench.unreachable.delete("a");
  const before = told(bench, "a");
  assert.deepEqual(before, [`hostAway ${B}`]);
  await bench.clock.pass(10_000);
  assert.equal(bench.agent("a").timesBack, 1);
  assert.deepEqual(told(bench, "a").slice(1), [`hostDown ${C}`, `hostBack ${B}`]);
});

Deno.test("who becomes ready while others are away is told of those", async () => {
  await using bench = await ready();
  bench.unreachable.add("b");
  await cut(bench, "b");
  await bench.agent("a").end();
  await cut(bench, "a");
  await bench.clock.pass(2000);
  assert.deepEqual(told(bench, "a"), [`hostAway ${B}`], "a new agent");
  await cut(bench, "a");
  assert.equal(bench.agent("a").timesBack, 1);
  assert.deepEqual(told(bench, "a"), [`hostAway ${B}`, `hostAway ${B}`], "taken back");
});

Deno.test("a host that is removed while it is away is told to end, and others that it did", async () => {
  await using bench = await new SwapBench().start(mesh) as SwapBench;
  await bench.clock.pass(2000);
  bench.unreachable.add("b");
  await cut(bench, "b");
  const { b: _, ...hosts } = mesh.hosts;
  bench.unreachable.clear();
  bench.swap({ hosts });
  await bench.agent("b").ended;
  await bench.clock.pass(500);
  assert.deepEqual(bench.messages("closed"), [`Closed: b (${B})`]);
  assert.deepEqual(told(bench, "b"), ["bye "]);
  assert.deepEqual(told(bench, "a"), [`hostAway ${B}`, `hostDown ${B}`, `hostBack ${B}`]);
  const { hosts: status } = await bench.mesh.status();
  assert.deepEqual(status.map(({ host }) => host), ["a", "older", "norouter"]);
});

Deno.test("an absence is an event, a state and a field of the status", async () => {
  await using bench = await ready();
  const resumes = async () =>
    (await bench.mesh.status()).hosts.map(({ state, resume }) => [state, resume]);
  assert.deepEqual(await resumes(), [
    ["ready", { on: true, seconds: 60 }],
    ["ready", { on: true, seconds: 60 }],
    ["ready", { off: "its agent does not know how (version 1.2.3)" }],
    ["ready", { off: "its agent does not know how (version 1.2.3)" }],
  ]);
  bench.unreachable.add("b");
  await cut(bench, "b");
  await bench.clock.pass(1200, 100);
  assert.deepEqual((await resumes())[1], ["away", { on: true, seconds: 60 }]);
  const { lastFailure } = (await bench.mesh.status()).hosts[1]!;
  assert.equal(lastFailure, 'Cannot open a link to "b": no way');
  bench.unreachable.clear();
  await bench.clock.pass(3000, 100);
  const away = bench.events.filter(({ type }) => type === "away");
  assert.deepEqual(away.slice(0, 2).map(({ level, message }) => `${level}: ${message}`), [
    'warn: The link to "b" ended: cut; its agent is kept for 60 s, trying again',
    'warn: Cannot open a link to "b": no way; its agent is kept for 60 s, failure 2 in a ' +
    "row, trying again in 0.8 s",
  ]);
  const back = bench.events.findLast((event) => event.type === "ready")!;
  assert.match(
    back.message,
    /^Back: b \(127\.0\.42\.102\) after \d\.\d\d s; connections go on$/,
  );
  assert.deepEqual([back.resumed, back.again], [true, true]);
  assert.deepEqual(back.resume, { on: true, seconds: 60 });
  assert.equal(bench.mesh.hosts.get("b")!.lastFailure, undefined);
  assert.equal(bench.messages("down").length, 0);
});

Deno.test("with events of connections, one that waited in vain has ended, others go on", async () => {
  await using bench = new Bench();
  await bench.start(mesh, { connections: true });
  await bench.clock.pass(2000);
  await bench.agent("a").packet(segment(A, B, SYN, [1, 80]));
  await bench.agent("b").packet(segment(B, A, SYN | ACK, [80, 1]));
  await settle();
  bench.unreachable.add("b");
  await cut(bench, "b");
  await bench.agent("a").packet(segment(A, B, SYN, [2, 80]));
  await bench.clock.pass(11_000);
  const ended = bench.events.filter((event) =>
    event.type === "connection" && event.phase === "ended"
  );
  assert.deepEqual(ended.map(({ message }) => message.split(" after")[0]), [
    "Connection a:2 to b:80 failed at b: host unreachable",
  ]);
});

Deno.test("an agent that says it stays for ever stays for as long as it was asked to", async () => {
  const boastful = { ...staying, resume: { seconds: 1e12 } };
  await using bench = await new Bench().start({
    hosts: { a: { fake: boastful, resume: "10s" } },
  });
  await bench.clock.pass(2000);
  assert.deepEqual(bench.mesh.hosts.get("a")!.resume, { on: true, seconds: 10 });
  bench.unreachable.add("a");
  await cut(bench, "a");
  await bench.clock.pass(11_000);
  assert.equal(bench.mesh.hosts.get("a")!.state, "down");
});
