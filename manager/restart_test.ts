// A mesh whose manager was killed, and is started again with the same state file.
import assert from "node:assert/strict";
import { manifestFromObject } from "../manifest/parse.ts";
import { settle } from "../link/_fake_clock.ts";
import { Bench, isReset, segment, staying, SYN } from "./_bench.ts";
import type { MeshOptions } from "./contract.ts";
import type { RunningMesh } from "./running_mesh.ts";

const [A, B, C] = ["127.0.42.101", "127.0.42.102", "127.0.42.103"];
const hosts = {
  a: { fake: staying, vip: A },
  b: { fake: staying, vip: B, ports: ["80:127.0.0.1:8080"] },
  c: { fake: {}, vip: C },
};

/** Calls `use` with the options of a mesh that has a state file. */
async function withState(
  use: (options: MeshOptions & { readonly state: string }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use({ state: `${folder}/state` });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A mesh whose manager is killed: its links end, and nothing is said. */
async function killed(
  options: MeshOptions,
  shape: object = { hosts },
  before: (bench: Bench) => void = () => {},
): Promise<Bench> {
  const bench = await new Bench().start({ ...shape }, options);
  before(bench);
  await bench.clock.pass(2000);
  const kept = await Deno.readTextFile(options.state!);
  for (const host of bench.agents.keys()) {
    bench.unreachable.add(host);
    bench.cut.get(host)!("the manager was killed");
  }
  await settle();
  await bench.mesh.close();
  await Deno.writeTextFile(options.state!, kept); // which a close has emptied
  return bench;
}

/** The next manager, which reaches the agents that the first one left. */
async function next(first: Bench, options: MeshOptions, shape: object = { hosts }) {
  const bench = new Bench();
  for (const [host, agent] of first.agents) bench.agents.set(host, agent);
  return await bench.start({ ...shape }, options);
}

const eventsOf = (bench: Bench, host: string) =>
  bench.agent(host).messages.filter(({ type }) => type === "event").map(
    ({ body: { type, data } }) => `${type} ${data?.ip ?? ""}`.trimEnd(),
  );
const ops = (bench: Bench, host: string) =>
  bench.agent(host).messages.flatMap(({ body: { op } }) =>
    op && op !== "status" && op !== "ping" ? [op] : []
  );
const stateOf = (path: string) => JSON.parse(Deno.readTextFileSync(path));

Deno.test("a manager that was killed takes its agents back, with their connections", () =>
  withState(async (options) => {
    const first = await killed(options);
    assert.deepEqual(Object.keys(stateOf(options.state).hosts), ["a", "b"]);
    const before = first.agent("a").messages.length;
    await using bench = await next(first, options);
    const ready = bench.events.filter((event) => event.type === "ready");
    assert.deepEqual(ready.map(({ host, resumed }) => [host, resumed]).sort(), [
      ["a", true],
      ["b", true],
      ["c", false],
    ]);
    assert.deepEqual(
      ["a", "b"].map((host) => bench.agent(host).timesBack),
      [1, 1],
    );
    assert.ok(
      eventsOf(bench, "a").includes(`hostDown ${C}`),
      "what did not stay is gone, and so are its connections",
    );
    assert.ok(!eventsOf(bench, "a").includes(`hostDown ${B}`));
    assert.ok(before < bench.agent("a").messages.length);
    await bench.agent("a").packet(segment(A, B));
    await settle();
    assert.equal(bench.agent("b").packets.length, 1, "they go on");
    assert.equal((await bench.mesh.ready()).ok, true);
    assert.equal(stateOf(options.state).hosts.a.epoch, 1);
  }));

Deno.test("before a host is taken back nothing of its connections is reset", () =>
  withState(async (options) => {
    const first = await killed(options);
    const bench = new Bench();
    for (const [host, agent] of first.agents) bench.agents.set(host, agent);
    bench.unreachable.add("b");
    await bench.start({ hosts }, options);
    assert.ok(eventsOf(bench, "a").includes(`hostAway ${B}`));
    const { a, b } = Object.fromEntries(bench.mesh.hosts);
    assert.deepEqual([a!.state, b!.state], ["ready", "away"]);
    await bench.agent("a").packet(segment(A, B));
    await bench.agent("a").packet(segment(A, B, SYN, [1, 80]));
    await settle();
    assert.deepEqual(bench.agent("a").packets.map(isReset), []);
    await bench.clock.pass(200, 50);
    const { ok, failed } = await bench.mesh.ready();
    assert.equal(ok, false);
    assert.match(failed[0]!.message, /^Cannot open a link to "b": no way$/);
    bench.unreachable.clear();
    await bench.clock.pass(3000);
    assert.equal(b!.state, "ready");
    assert.equal(bench.agent("b").packets.length, 1);
    assert.ok(eventsOf(bench, "a").includes(`hostBack ${B}`));
    await bench[Symbol.asyncDispose]();
  }));

Deno.test("an agent that did not wait is told as down, and another is configured", () =>
  withState(async (options) => {
    const first = await killed(options);
    await first.agent("b").end();
    await using bench = await next(first, options);
    assert.deepEqual(ops(bench, "b"), ["resume", "configure"]);
    assert.ok(eventsOf(bench, "a").includes(`hostDown ${B}`));
    assert.equal(bench.messages("down").length, 0);
    assert.equal((await bench.mesh.ready()).ok, true);
  }));

Deno.test("an agent with another configuration is told to end, and another is configured", () =>
  withState(async (options) => {
    const first = await killed(options);
    const [a, b] = [first.agent("a"), first.agent("b")];
    const more = { ...hosts, b: { ...hosts.b, ports: ["81:127.0.0.1:8080"] } };
    await using bench = await next(first, options, { hosts: more });
    await Promise.all([a.ended, b.ended]); // a is told of another port of b
    await bench.clock.pass(500);
    assert.equal((await bench.mesh.ready()).ok, true);
    for (const host of ["a", "b"]) {
      assert.deepEqual(ops(bench, host), ["configure"], host);
      assert.equal(bench.agent(host).timesBack, 0);
    }
    assert.equal(a.messages.at(-1)!.body.type, "bye");
  }));

Deno.test("an agent that is not to stay any more is told to end", () =>
  withState(async (options) => {
    const first = await killed(options);
    const b = first.agent("b");
    const off = { ...hosts, b: { ...hosts.b, resume: "off" } };
    await using bench = await next(first, options, { hosts: off });
    await b.ended;
    await bench.clock.pass(500);
    const { resume } = bench.mesh.hosts.get("b")!;
    assert.deepEqual(resume, { off: "the manifest says so" });
    assert.deepEqual(Object.keys(stateOf(options.state).hosts), ["a"]);
  }));

Deno.test("a wanted end leaves no agent, neither there nor in the file", () =>
  withState(async (options) => {
    const bench = await new Bench().start({ hosts }, options);
    assert.deepEqual(Object.keys(stateOf(options.state).hosts), ["a", "b"]);
    await bench[Symbol.asyncDispose]();
    await Promise.all(["a", "b"].map((host) => bench.agent(host).ended));
    assert.deepEqual(stateOf(options.state).hosts, {});
    assert.match(stateOf(options.state).mesh, /^[0-9a-f]{16}$/);
  }));

Deno.test("the name of a mesh stays, and is that of its agents", () =>
  withState(async (options) => {
    const first = await killed(options);
    const { mesh } = stateOf(options.state);
    assert.equal(first.agent("a").messages[0]!.body.args.resume.mesh, mesh);
    await first.agent("a").end();
    await using bench = await next(first, options);
    assert.equal(bench.agent("a").messages[1]!.body.args.resume.mesh, mesh);
  }));

Deno.test("a state file that cannot be used is the end before anything began", () =>
  withState(async (options) => {
    await Deno.writeTextFile(options.state, "{", { mode: 0o600 });
    const bench = new Bench();
    await assert.rejects(
      bench.start({ hosts }, options),
      /^Error: Cannot read the state file .*:1:2: it is no JSON from here on/,
    );
    assert.equal(bench.agents.size, 0);
    assert.equal(bench.clock.pending, 0);
  }));

Deno.test("an agent that was updated is taken back by what it goes by now", () =>
  withState(async (options) => {
    const able = { ...staying, features: [...staying.features!, "update"] };
    const shape = (port: number) => ({
      hosts: {
        a: { fake: able, vip: A },
        b: { fake: able, vip: B, ports: [`${port}:127.0.0.1:8080`] },
      },
    });
    const parse = (bench: Bench) =>
      manifestFromObject(shape(81), {
        path: "manifest",
        transports: new Map([["fake", bench.transport]]),
      });
    const first = await killed(options, shape(80), (bench) => {
      (bench.mesh as RunningMesh).swap(parse(bench));
    });
    await using bench = await next(first, options, shape(81));
    for (const host of ["a", "b"]) {
      assert.equal(bench.agent(host).timesBack, 1);
      // The last one counts: nobody knows what the manager before had asked.
      assert.deepEqual(ops(bench, host), ["configure", "update", "update"]);
      const versions = bench.agent(host).messages.flatMap(({ body }) =>
        body.op === "update" ? [body.args.version] : []
      );
      assert.deepEqual(versions, [2, 1]);
    }
    assert.deepEqual(bench.messages("warning"), []);
  }));
