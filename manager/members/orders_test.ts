import assert from "node:assert/strict";
import { settle } from "../../link/_fake_clock.ts";
import { ACK, isReset, segment, SYN } from "../_bench.ts";
import type { Behaviour, FakeAgent } from "../_fake_agent.ts";
import { base, d, other, type Shape, SwapBench } from "./_swap_bench.ts";

const [A, B] = ["127.0.42.101", "127.0.42.102"];

const features = [
  "tcp",
  "loopback",
  "ping",
  "hostDown",
  "status",
  "extend",
  "update",
  "egress",
];
const able: Behaviour = { features };
const staying: Behaviour = {
  features: [...features, "resume", "hostAway"],
  resume: { seconds: 60 },
};

/** The hosts of `base` with this behaviour, and `b` with more fields. */
function mesh(behaviour: Behaviour, fields: Record<string, unknown> = {}): Shape {
  const hosts = Object.entries(base.hosts).map(([name, host]) => {
    return [name, { ...host, fake: behaviour, ...(name === "b" ? fields : {}) }] as const;
  });
  return { ...base, hosts: Object.fromEntries(hosts) };
}

const ports = (...list: number[]) => ({
  ports: list.map((port) => `${port}:127.0.0.1:8080`),
});

/** The versions of the updates that an agent was asked to take. */
const updates = ({ messages }: FakeAgent) =>
  messages.flatMap(({ body }) => body.op === "update" ? [body.args] : []);
const versions = (agent: FakeAgent) => updates(agent).map(({ version }) => version);

Deno.test("agents are told of what changed, and hosts stay with their connections", async () => {
  await using bench = await new SwapBench().start({ ...mesh(able) });
  const [a, b] = [bench.agent("a"), bench.agent("b")];
  const before = bench.mesh.hosts.get("b");
  await a.packet(segment(A, B, SYN));
  await settle();
  const report = bench.running.swap(bench.read(mesh(able, ports(80, 81))));
  await settle();
  assert.deepEqual(report, {
    version: 2,
    added: [],
    removed: [],
    restarted: [],
    updated: ["a", "b", "c"],
    outdated: [],
    policy: false,
    routes: false,
  });
  assert.equal(bench.mesh.hosts.get("b"), before);
  const [told] = updates(b);
  assert.equal(told.version, 2);
  assert.deepEqual(
    told.configure.forwards.map(({ listen_port }: { listen_port: number }) =>
      listen_port
    ),
    [80, 81],
  );
  assert.equal(updates(a)[0].configure.others.length, 2);
  await a.packet(segment(A, B, ACK));
  await settle();
  assert.deepEqual(b.packets, [segment(A, B, SYN), segment(A, B, ACK)]);
  assert.deepEqual(a.packets.filter(isReset), []);
  assert.deepEqual(bench.messages("closed"), []);
});

Deno.test("who is told nothing new is not asked", async () => {
  await using bench = await new SwapBench().start({ ...mesh(able) });
  const report = bench.running.swap(bench.read(mesh(able)));
  await settle();
  assert.deepEqual([report.updated, report.outdated, report.restarted], [[], [], []]);
  await bench.swapped(mesh(able, { writeEtcHosts: true }));
  assert.deepEqual(["a", "b", "c"].map((name) => versions(bench.agent(name))), [
    [],
    [3],
    [],
  ]);
});

Deno.test("a thousand swaps are few updates, of which the last has what is in force", async () => {
  await using bench = await new SwapBench().start({ ...mesh(able) });
  const shapes = [80, 81].map((port) => bench.read(mesh(able, ports(port))));
  const last = bench.read(mesh(able, ports(82)));
  for (let i = 0; i < 1000; i++) bench.running.swap(shapes[i % 2]!);
  bench.running.swap(last);
  await settle();
  const all = updates(bench.agent("b"));
  assert.ok(all.length <= 2, `${all.length} updates`);
  assert.deepEqual(all.at(-1).configure.forwards[0].listen_port, 82);
  assert.equal(all.at(-1).version, 1002);
});

Deno.test("what is wanted while an agent is asked is asked next, and only that", async () => {
  const slow = mesh({ ...able, updateError: null });
  await using bench = await new SwapBench().start({ ...slow });
  const b = bench.agent("b");
  for (const port of [81, 82, 83]) {
    await bench.swapped(mesh({ ...able, updateError: null }, ports(port)));
  }
  assert.deepEqual(versions(b), [2]);
  b.behaviour = able;
  const { id } = b.messages.find(({ body }) => body.op === "update")!.body;
  const body = { request_id: id, op: "update", data: { version: 2 } };
  await b.message({ type: "result", body });
  await settle();
  assert.deepEqual(versions(b), [2, 4]);
  // And back to what the agent has: nothing.
  await bench.swapped(mesh({ ...able, updateError: null }, ports(83)));
  assert.deepEqual(versions(b), [2, 4]);
});

Deno.test("an agent that is starting is told what is in force when it is ready", async () => {
  const bench = new SwapBench();
  const gate = Promise.withResolvers<void>();
  const { open } = bench.transport;
  bench.transport.open = async (behaviour, context) => {
    if (context.host === "b") await gate.promise;
    return await open.call(bench.transport, behaviour, context);
  };
  await bench.start({ ...mesh(able) });
  const report = bench.running.swap(bench.read(mesh(able, ports(81))));
  assert.deepEqual(report.updated, ["a", "b", "c"]);
  gate.resolve();
  await settle();
  const { args } = bench.agent("b").messages[0]!.body;
  assert.equal(args.forwards[0].listen_port, 81);
  assert.deepEqual(versions(bench.agent("b")), []);
  await bench[Symbol.asyncDispose]();
});

Deno.test("an agent that is greeted during a swap is updated as soon as it is ready", async () => {
  await using bench = await new SwapBench().start({
    ...mesh({ ...able, isMute: true }),
  });
  await bench.swapped(mesh({ ...able, isMute: true }, ports(81)));
  assert.equal(bench.states, "a starting, b starting, c starting");
  const b = bench.agent("b");
  const { id } = b.messages[0]!.body;
  const data = { features, version: "1" };
  await b.message({ type: "result", body: { request_id: id, op: "configure", data } });
  await settle();
  assert.deepEqual(versions(b), [2]);
});

Deno.test("an agent that was away is told when it is back, if anything differs", async () => {
  await using bench = await new SwapBench().start({ ...mesh(staying) });
  const [a, b] = [bench.agent("a"), bench.agent("b")];
  bench.unreachable.add("b");
  bench.cut.get("b")!("cut");
  await settle();
  assert.equal(bench.states, "a ready, b away, c ready");
  const report = bench.running.swap(bench.read(mesh(staying, ports(81))));
  assert.deepEqual(report.updated, ["a", "b", "c"]);
  await settle();
  assert.deepEqual([versions(a), versions(b)], [[2], []]);
  bench.unreachable.clear();
  await bench.clock.pass(2000, 100);
  assert.equal(bench.states, "a ready, b ready, c ready");
  assert.equal(b.timesBack, 1);
  assert.deepEqual(versions(b), [2]);
  // Once more, with nothing new.
  bench.cut.get("b")!("cut");
  await bench.clock.pass(3000, 100);
  assert.deepEqual([b.timesBack, versions(b)], [2, [2]]);
});

Deno.test("an agent whose link ended during an update is asked again", async () => {
  const silent = { ...staying, updateError: null };
  await using bench = await new SwapBench().start({ ...mesh(silent) });
  const b = bench.agent("b");
  await bench.swapped(mesh(silent, ports(81)));
  assert.deepEqual(versions(b), [2]);
  b.behaviour = staying;
  bench.cut.get("b")!("cut");
  await bench.clock.pass(2000, 100);
  assert.deepEqual([b.timesBack, versions(b)], [1, [2, 2]]);
  assert.deepEqual(bench.messages("warning"), []);
});

for (
  const [what, updateError, words] of [
    ["refuses", "no room", /^"b" starts anew: its agent refused the update: no room$/],
    ["does not answer", null, /^"b" starts anew: .* none came within 20 s$/],
  ] as const
) {
  Deno.test(`an agent that ${what} is told, and its host starts anew`, async () => {
    const wrong = (fields = {}) => {
      const shape = mesh(able, fields);
      const hosts = {
        ...shape.hosts,
        b: { ...shape.hosts.b, fake: { ...able, updateError } },
      };
      return { ...shape, hosts };
    };
    await using bench = await new SwapBench().start({ ...wrong() });
    const [a, b] = [bench.agent("a"), bench.agent("b")];
    await a.packet(segment(A, B, SYN));
    await bench.swapped(wrong(ports(81)));
    if (updateError === null) await bench.clock.pass(20_000, 100);
    assert.notEqual(bench.agent("b"), b);
    assert.equal(bench.states, "a ready, b ready, c ready");
    const [warning, ...more] = bench.messages("warning");
    assert.match(warning!, words);
    assert.deepEqual(more, []);
    const { args } = bench.agent("b").messages[0]!.body;
    assert.equal(args.forwards[0].listen_port, 81);
    assert.deepEqual(bench.messages("closed"), [
      "Closed: b (127.0.42.102), which starts anew",
    ]);
    const down = a.messages.filter(({ body }) => body.type === "hostDown");
    assert.deepEqual(down.map(({ body }) => body.data.ip), [B]);
  });
}

Deno.test("an agent without a feature that its host needs now starts anew, and says so", async () => {
  const old = { features: features.filter((feature) => feature !== "egress") };
  await using bench = await new SwapBench().start({ ...mesh(old) });
  const egress = ["tcp:5432:a:80"];
  const { restarted, updated } = bench.running.swap(bench.read(mesh(old, { egress })));
  assert.deepEqual(updated, []);
  assert.equal(restarted[0]!.host, "b");
  assert.match(restarted[0]!.why, /version 1\.2\.3\) cannot listen for the "egress"/);
  await settle();
  assert.equal(bench.states, "a ready, b down, c ready");
});

Deno.test("an agent that cannot be told starts anew only for what is its own", async () => {
  const plain: Behaviour = {
    features: features.filter((feature) => feature !== "update"),
  };
  await using bench = await new SwapBench().start({ ...mesh(plain) });
  const all = () => bench.opened.slice(3).sort().join(" ");
  const first = bench.running.swap(bench.read(mesh(plain, ports(80, 81))));
  assert.deepEqual(first.restarted, [{
    host: "b",
    why: "ports changed, and its agent (version 1.2.3) cannot be told while it runs",
  }]);
  assert.deepEqual([first.updated, first.outdated], [[], ["a", "c"]]);
  await settle();
  assert.equal(all(), "b");
  const second = bench.running.swap(
    bench.read(other(mesh(plain, ports(80, 81)), [], { d })),
  );
  assert.deepEqual([second.added, second.restarted], [["d"], []]);
  await settle();
  assert.equal(all(), "b d");
  // What is wanted is what its agent goes by: it is not started anew for the way there.
  const third = bench.running.swap(bench.read(mesh(plain, ports(80, 81))));
  assert.deepEqual([third.removed, third.restarted], [["d"], []]);
  assert.deepEqual(third.outdated, ["a", "c"], "which never learned of port 81");
});

Deno.test("an agent that cannot be told and was away starts anew when it is back", async () => {
  const plain: Behaviour = {
    ...staying,
    features: staying.features!.filter((feature) => feature !== "update"),
  };
  await using bench = await new SwapBench().start({ ...mesh(plain) });
  bench.unreachable.add("b");
  bench.cut.get("b")!("cut");
  await settle();
  const { restarted } = bench.running.swap(bench.read(mesh(plain, ports(81))));
  assert.deepEqual(restarted, []);
  const b = bench.agent("b");
  bench.unreachable.clear();
  await bench.clock.pass(4000, 100);
  assert.notEqual(bench.agent("b"), b);
  assert.equal(bench.states, "a ready, b ready, c ready");
  assert.match(bench.messages("warning")[0]!, /^"b" starts anew: ports changed, and its/);
});

Deno.test("listeners that an update asks for and that fail are told, and no others", async () => {
  const failed = (port: number) => ({
    address: `127.0.42.102:${port}`,
    kind: "loopback",
    error: { code: "EACCES", message: "no" },
  });
  await using bench = await new SwapBench().start({
    ...mesh({ ...able, listeners: [failed(80)] }),
  });
  const told = () => bench.messages("listenerFailed").length;
  assert.equal(told(), 3);
  for (const name of ["a", "b", "c"]) {
    bench.agent(name).behaviour = { ...able, listeners: [failed(80), failed(81)] };
  }
  await bench.swapped(mesh({ ...able, listeners: [failed(80)] }, ports(80, 81)));
  assert.equal(told(), 6);
  await bench.mesh.status();
  assert.equal(told(), 6);
  assert.deepEqual(bench.mesh.hosts.get("b")!.failedListeners, [
    "127.0.42.102:80",
    "127.0.42.102:81",
  ]);
});

Deno.test("a status may be as long as an update makes it", async () => {
  await using bench = await new SwapBench().start({ ...mesh(able) });
  const many = Array.from({ length: 2000 }, (_, index) => index + 1);
  const listeners = many.map((port) => ({
    address: `127.0.42.102:${port}`,
    kind: "loopback",
    error: { code: "EACCES", message: "x".repeat(250) },
  }));
  bench.agent("a").behaviour = { ...able, listeners };
  await bench.swapped(mesh(able, ports(...many)));
  assert.equal(bench.states, "a ready, b ready, c ready");
  assert.equal((await bench.mesh.status()).listeners.length, 2000);
});
