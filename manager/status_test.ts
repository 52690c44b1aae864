import assert from "node:assert/strict";
import { settle } from "../link/_fake_clock.ts";
import { Bench, segment, staying, SYN, three } from "./_bench.ts";
import type { MeshStatus } from "./status.ts";

const [A, B] = ["127.0.42.101", "127.0.42.102"];

/** The part of a list that is of one host. */
function of<T extends { readonly host: string }>(list: readonly T[], host: string) {
  return list.find((each) => each.host === host);
}

/** A status, of which nothing is lost in JSON. */
async function statusOf({ mesh }: Bench): Promise<MeshStatus> {
  const status = await mesh.status();
  assert.deepEqual(JSON.parse(JSON.stringify(status)), status);
  return status;
}

Deno.test("a status has every host, what came over its link, and what waits for it", async () => {
  await using bench = await new Bench().start(three);
  await bench.agent("a").packet(segment(A, B, SYN));
  await bench.agent("a").packet(segment("127.0.42.103", B));
  await bench.agent("a").packet(segment(A, "10.1.2.3", SYN));
  await bench.clock.pass(2500, 500);
  const status = await statusOf(bench);
  assert.equal(status.ms, 2500);
  assert.deepEqual(
    status.hosts.map(({ host, vip, state }) => `${host} ${vip} ${state}`),
    [
      "a 127.0.42.101 ready",
      "b 127.0.42.102 ready",
      "c 127.0.42.103 ready",
    ],
  );
  assert.equal(of(status.hosts, "a")!.version, "1.2.3");
  const link = of(status.links, "a")!;
  assert.deepEqual([link.timesReady, link.ms, link.frames.source], [1, 2500, 1]);
  const queue = of(status.queues, "b")!;
  assert.equal(queue.bytes, 0);
  assert.ok(queue.writtenBytes > 80 && queue.limitBytes > 0);
  assert.equal(status.packets.delivered, 2);
  assert.equal(status.flows.opening, 1);
  assert.deepEqual(status.waiting, []);
});

Deno.test("what waits for a host that is starting is told with its bytes", async () => {
  const b = { ...three.hosts.b, fake: { isMute: true } };
  await using bench = await new Bench().start({ hosts: { ...three.hosts, b } });
  await bench.agent("a").packet(segment(A, B, SYN));
  await settle();
  const { waiting, queues, packets } = await statusOf(bench);
  assert.deepEqual(waiting.map(({ host, frames }) => [host, frames]), [["b", 1]]);
  assert.ok(waiting[0]!.bytes > 40);
  assert.equal(of(queues, "b"), undefined);
  assert.equal(packets.waited, 1);
});

Deno.test("each status asks the agents anew for their stacks and listeners", async () => {
  const stack = { connections: 3, turnedAway: 7, renewals: 1, somethingNew: 9 };
  const listeners = [
    { address: `${B}:80`, kind: "loopback" },
    {
      address: `${A}:10053`,
      kind: "dns",
      error: { code: "EACCES", message: "not allowed" },
    },
  ];
  const hosts = { ...three.hosts, a: { fake: { stack, listeners }, vip: A } };
  await using bench = await new Bench().start({ hosts });
  const first = await statusOf(bench);
  const { host, age, ...told } = of(first.stacks, "a")!;
  assert.deepEqual([host, age], ["a", 0]);
  assert.deepEqual([told.connections, told.turnedAway, told.renewals], [3, 7, 1]);
  assert.equal(told.pages, 0, "what it does not count");
  assert.ok(!("somethingNew" in told));
  assert.deepEqual(first.listeners, listeners.map((each) => ({ host: "a", ...each })));
  assert.equal(of(first.stacks, "b"), undefined, "its agent does not tell");

  const events = bench.events.length;
  bench.agent("a").behaviour = { stack: { connections: 4 }, listeners };
  await bench.clock.pass(1000, 500);
  const second = await statusOf(bench);
  assert.equal(of(second.stacks, "a")!.connections, 4);
  assert.equal(of(second.stacks, "a")!.age, 0);
  assert.equal(bench.events.length, events, "what is told again is no news");
});

Deno.test("an agent that does not answer is told as it was, and nobody waits longer", async () => {
  const hosts = { a: { fake: { stack: { connections: 3 } } } };
  await using bench = await new Bench().start({ hosts });
  bench.agent("a").behaviour = { hidesStatus: true };
  const asked = () =>
    bench.agent("a").messages.filter(({ body }) => body.op === "status").length;
  const before = asked();
  const statuses = Promise.all([bench.mesh.status(), bench.mesh.status()]);
  await bench.clock.pass(1000, 100);
  for (const { stacks } of await statuses) {
    assert.deepEqual([stacks[0]!.connections, stacks[0]!.age], [3, 1000]);
  }
  assert.equal(asked() - before, 1, "both wait for one answer");
});

Deno.test("a host that is down has no stack, no listeners and no queue any more", async () => {
  const hosts = { a: { fake: { stack: {}, listeners: [] } }, b: { fake: {} } };
  await using bench = await new Bench().start({ hosts });
  bench.agent("a").behaviour = { hidesStatus: true };
  const status = bench.mesh.status();
  bench.unreachable.add("a");
  bench.cut.get("a")!("cut");
  await settle();
  const { stacks, queues, links } = await status; // although the agent has not answered
  assert.deepEqual(stacks, []);
  assert.equal(of(queues, "a"), undefined);
  assert.deepEqual([of(links, "a")!.timesReady, of(links, "a")!.ms], [1, undefined]);
  await bench.clock.pass(200, 50);
  const later = await statusOf(bench);
  assert.equal(of(later.hosts, "a")!.state, "down");
  assert.match(of(later.hosts, "a")!.lastFailure!, /The link to "a" ended/);
});

Deno.test("what was beyond a budget is counted with its bytes", async () => {
  await using bench = await new Bench().start(three);
  const result = { request_id: 99, op: "status", data: {} };
  const message = { type: "result", body: result };
  for (let i = 0; i < 5; i++) await bench.agent("a").message(message);
  await settle();
  const { links } = await statusOf(bench);
  const bytes = 5 * JSON.stringify(message).length;
  assert.deepEqual(of(links, "a")!.droppedControls, { count: 5, bytes });
  assert.deepEqual(of(links, "b")!.droppedControls, { count: 0, bytes: 0 });
});

Deno.test("how often a host was linked and taken back is counted, with all that went", async () => {
  const hosts = { a: { fake: staying }, b: { fake: {}, vip: B, ports: ["80:x:80"] } };
  await using bench = await new Bench().start({ hosts });
  const first = of((await statusOf(bench)).links, "a")!;
  assert.deepEqual([first.attempts, first.timesReady, first.timesResumed], [1, 1, 0]);
  assert.ok(first.traffic.sentFrames > 0 && first.traffic.receivedBytes > 100);
  bench.cut.get("a")!("cut");
  await bench.clock.pass(1000, 100);
  const second = of((await statusOf(bench)).links, "a")!;
  assert.deepEqual([second.attempts, second.timesReady, second.timesResumed], [2, 2, 1]);
  for (const key of ["receivedBytes", "sentFrames", "sentBytes"] as const) {
    assert.ok(second.traffic[key] > first.traffic[key], `${key} does not begin anew`);
  }
});

Deno.test("clients, dials and processes are told as the agents count them", async () => {
  const services = { http: { clients: 2, served: 5 }, newer: { clients: 1 } };
  const dials = { refused: 3, "by-a-newer-agent": 1 };
  const process = { cpuSeconds: 1.5, residentBytes: 5000, startedAt: 1e9 };
  const more = { services: { services, dials }, process };
  const hosts = { a: { fake: { more } }, b: { fake: {} } };
  await using bench = await new Bench().start({ hosts });
  const status = await statusOf(bench);
  const [told, ...others] = status.services;
  assert.deepEqual([told!.host, others], ["a", []]);
  assert.deepEqual(told!.services.http, { clients: 2, served: 5, turnedAway: 0 });
  assert.deepEqual(told!.services.egress, { clients: 0, served: 0, turnedAway: 0 });
  assert.deepEqual([told!.dials.refused, told!.dials.connected], [3, 0]);
  assert.ok(!("newer" in told!.services) && !("by-a-newer-agent" in told!.dials));
  assert.deepEqual(status.processes, [{ host: "a", ...process }]);
  assert.ok(status.process.residentBytes > 1e6 && status.process.cpuSeconds > 0);
});

Deno.test("a status may be asked for after a close", async () => {
  const bench = await new Bench().start(three);
  await bench[Symbol.asyncDispose]();
  const { hosts, queues } = await statusOf(bench);
  assert.deepEqual(hosts.map(({ state }) => state), ["closed", "closed", "closed"]);
  assert.deepEqual(queues, []);
});
