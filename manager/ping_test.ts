// Pings of a mesh: what comes of an echo, under a fake clock and with fake agents.
import assert from "node:assert/strict";
import { settle } from "../link/_fake_clock.ts";
import { addWords, foldChecksum } from "../wire/ip/checksum.ts";
import { Bench, staying } from "./_bench.ts";
import { startMesh } from "./mesh.ts";
import { MOST_ECHOES } from "../router/echoes.ts";

const features = ["tcp", "loopback", "ping", "status", "echo"];
const hosts = {
  a: { fake: { features }, vip: "127.0.42.101" },
  b: { fake: { features }, vip: "127.0.42.102", aliases: ["www.example.com"] },
  old: { fake: { features: ["tcp", "loopback"], version: "0.6" }, vip: "127.0.42.103" },
};

/** Has a fake agent answer the last echo that it was asked for. */
async function answer(bench: Bench, host: string): Promise<void> {
  const agent = bench.agent(host);
  const packet = agent.packets.at(-1)!.slice();
  const [source, destination] = [packet.slice(12, 16), packet.slice(16, 20)];
  packet.set(destination, 12);
  packet.set(source, 16);
  packet[20] = packet[22] = packet[23] = 0;
  const sum = foldChecksum(addWords(packet, 20, packet.length));
  packet[22] = sum >> 8;
  packet[23] = sum & 255;
  await agent.packet(packet);
  await settle();
}

/** Settles and gives the echo, once it is done. */
async function after(bench: Bench, ms: number): Promise<void> {
  await settle();
  await bench.clock.pass(ms);
  await settle();
}

Deno.test("an answered echo has its round trip, and that of link and stack", async () => {
  await using bench = await new Bench().start({ hosts });
  const pinging = bench.mesh.ping("b", { from: "b" });
  await after(bench, 3);
  await answer(bench, "b");
  assert.deepEqual(await pinging, {
    host: "b",
    vip: "127.0.42.102",
    from: "b",
    bytes: 64,
    outcome: "answered",
    ms: 3,
    hops: [{ host: "b", hop: "link", ms: 0 }, { host: "b", hop: "stack", ms: 3 }],
  });
});

Deno.test("from another host, both legs count", async () => {
  await using bench = await new Bench().start({ hosts });
  const pinging = bench.mesh.ping("b", { from: "a", size: 0 });
  await after(bench, 2);
  assert.deepEqual([...bench.agent("a").packets[0]!.subarray(12, 20)], [
    ...[127, 0, 42, 102],
    ...[127, 0, 42, 101],
  ], "first a, as if b had asked");
  assert.equal(bench.agent("b").packets.length, 0);
  await answer(bench, "a");
  await after(bench, 5);
  await answer(bench, "b");
  const { ms, hops, bytes } = await pinging;
  assert.deepEqual([ms, bytes], [7, 8]);
  assert.deepEqual(hops.map(({ host, hop, ms }) => [host, hop, ms]), [
    ["a", "link", 0],
    ["a", "stack", 2],
    ["b", "link", 0],
    ["b", "stack", 5],
  ]);
});

Deno.test("a host is named by its name, an alias, or its VIP, and a near name is told", async () => {
  await using bench = await new Bench().start({ hosts });
  for (const name of ["B", "www.example.com", "127.0.42.102"]) {
    const pinging = bench.mesh.ping(name, { ms: 5 });
    await after(bench, 5);
    assert.equal((await pinging).host, "b");
  }
  await assert.rejects(
    bench.mesh.ping("odl"),
    /There is no host "odl"; did you mean "old"\?/,
  );
  await assert.rejects(bench.mesh.ping("b", { from: "127.0.42.10" }), /127\.0\.42\.101/);
});

Deno.test("without an answer in time the echo is lost, and a late one does not count", async () => {
  await using bench = await new Bench().start({ hosts });
  const pinging = bench.mesh.ping("b", { ms: 1500 });
  await after(bench, 1500);
  const { outcome, message, ms, hops } = await pinging;
  assert.deepEqual([outcome, ms, hops], ["lost", undefined, []]);
  assert.equal(message, `No answer from "b" within 1.5 s`);
  await answer(bench, "b");
});

Deno.test("an agent that announces no echo is not asked", async () => {
  await using bench = await new Bench().start({ hosts });
  const { outcome, message } = await bench.mesh.ping("old");
  assert.equal(outcome, "unable");
  assert.match(message!, /^The agent of "old" \(version 0\.6\) answers no echo/);
  assert.deepEqual(bench.agent("old").packets, []);
});

Deno.test("a host that is starting, away or down is not asked, and that is said", async () => {
  const { a } = hosts;
  const mute = { fake: { isMute: true }, vip: "127.0.42.104" };
  const stays = { fake: staying, vip: "127.0.42.105" };
  await using bench = await new Bench().start({ hosts: { a, mute, stays } });
  const outcome = async (host: string) => {
    const { outcome, message } = await bench.mesh.ping(host);
    return [outcome, message?.slice(0, 20)];
  };
  assert.deepEqual(await outcome("mute"), ["starting", `"mute" is starting`]);
  bench.unreachable.add("stays").add("a");
  for (const host of ["stays", "a"]) bench.cut.get(host)!("cut");
  await settle();
  assert.equal((await outcome("stays"))[0], "away");
  assert.equal((await outcome("a"))[0], "down");
  await bench.mesh.close();
  assert.equal((await outcome("a"))[0], "closed");
});

Deno.test("options out of their range are told", async () => {
  await using bench = await new Bench().start({ hosts });
  for (
    const options of [{ size: -1 }, { size: 65_508 }, { size: 1.5 }, { ms: 0 }, {
      ms: 1e5,
    }]
  ) {
    await assert.rejects(bench.mesh.ping("b", options), RangeError);
  }
});

Deno.test("echoes under way are bounded, and end with the mesh", async () => {
  await using bench = await new Bench().start({ hosts });
  const under = Array.from({ length: MOST_ECHOES }, () => bench.mesh.ping("b"));
  await settle();
  await assert.rejects(bench.mesh.ping("b"), /256 echoes are under way/);
  await bench.mesh.close();
  for (const echo of await Promise.all(under)) assert.equal(echo.outcome, "lost");
});

Deno.test("the agent in this process answers", async () => {
  const local = { vip: "127.0.42.99", loopback: { disable: true } };
  await using mesh = await startMesh({ hosts: { local } });
  await mesh.ready();
  for (const size of [0, 56, 65_507]) {
    const { outcome, hops, ms } = await mesh.ping("local", { size });
    assert.deepEqual([outcome, hops.length], ["answered", 2], `${size} bytes`);
    assert.ok(ms! > 0 && ms! < 2000);
  }
  const { stacks: [stack] } = await mesh.status();
  assert.equal(stack?.echoes, 3);
});
