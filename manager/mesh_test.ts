import assert from "node:assert/strict";
import { ManifestError } from "../manifest/source/diagnostic.ts";
import { parseManifest } from "../manifest/parse.ts";
import { memoryLinkPair } from "../link/memory.ts";
import type { Transport } from "../transports/mod.ts";
import { builtinTransports } from "../transports/registry.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { type Behaviour, FakeAgent, fakeAgentCommand } from "./_fake_agent.ts";
import { FakeClock, settle } from "../link/_fake_clock.ts";
import type { MeshEvent } from "./events.ts";
import { type Mesh, type MeshOptions, startMesh } from "./mesh.ts";

/** A mesh of fake agents in this process, under a fake clock, and what it told. */
class Bench implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly events: MeshEvent[] = [];
  /** The present agent of each host. */
  readonly agents = new Map<string, FakeAgent>();
  /** Ends the present link of a host. */
  readonly cut = new Map<string, (reason: string) => void>();
  /** Hosts that cannot be reached. */
  readonly unreachable = new Set<string>();
  readonly transport: Transport<Behaviour> = {
    name: "fake",
    parse: (spec) => spec as Behaviour,
    describe: () => "a fake agent",
    open: (behaviour, { host }) => {
      if (this.unreachable.has(host)) return Promise.reject(new Error("no way"));
      const [near, far] = memoryLinkPair();
      this.agents.set(host, new FakeAgent(far, behaviour));
      this.cut.set(host, (reason) => near.abort(reason));
      return Promise.resolve(near);
    },
  };
  mesh!: Mesh;

  async start(
    manifest: Parameters<typeof startMesh>[0],
    options: MeshOptions = {},
  ): Promise<this> {
    this.mesh = await startMesh(manifest, {
      onEvent: (event) => this.events.push(event),
      transports: [this.transport],
      clock: this.clock,
      ...options,
    });
    await settle();
    return this;
  }

  agent(host: string): FakeAgent {
    return this.agents.get(host)!;
  }

  messages(type: MeshEvent["type"]): string[] {
    return this.events.filter((event) => event.type === type).map(({ message }) =>
      message
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh.close();
    assert.equal(this.clock.pending, 0, "no timer is left");
  }
}

const three = {
  hosts: {
    a: { fake: {}, vip: "127.0.42.101" },
    b: { fake: {}, vip: "127.0.42.102", ports: ["80:127.0.0.1:8080"] },
    c: { fake: { features: ["tcp", "loopback"] }, vip: "127.0.42.103" },
  },
  routes: [{ via: "b", to: ["10.0.0.0/8", "*.internal"] }],
};

/** A TCP segment from one address to another, checksums left out. */
function segment(
  from: string,
  to: string,
  flags = 0x10,
  [fromPort, toPort]: [number, number] = [50_000, 80],
): Uint8Array {
  const bytes = new Uint8Array(40);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, 40);
  view.setUint8(8, 64);
  view.setUint8(9, 6);
  view.setUint32(12, parseIpv4(from)!);
  view.setUint32(16, parseIpv4(to)!);
  view.setUint16(20, fromPort);
  view.setUint16(22, toPort);
  view.setUint8(32, 0x50);
  view.setUint8(33, flags);
  return bytes;
}

const [SYN, ACK] = [0x02, 0x10];
/** The ports of an answer. */
const BACK: [number, number] = [80, 50_000];
const isReset = (packet: Uint8Array) => (packet[33]! & 0x04) !== 0;

Deno.test("each host of a mesh becomes ready and is told what concerns it", async () => {
  await using bench = await new Bench().start(three);
  assert.deepEqual(bench.messages("ready"), [
    "Ready: a (127.0.42.101) after 0.00 s",
    "Ready: b (127.0.42.102) after 0.00 s",
    "Ready: c (127.0.42.103) after 0.00 s",
  ]);
  assert.deepEqual(
    [...bench.mesh.hosts.values()].map(({ name, vip, state, version }) =>
      [name, vip, state, version].join(" ")
    ),
    [
      "a 127.0.42.101 ready 1.2.3",
      "b 127.0.42.102 ready 1.2.3",
      "c 127.0.42.103 ready 1.2.3",
    ],
  );
  const { args } = bench.agent("a").messages[0]!.body;
  assert.equal(args.me, "127.0.42.101");
  assert.deepEqual(args.others, [{ ip: "127.0.42.102", port: 80, proto: "tcp" }]);
  assert.equal((await bench.mesh.ready()).ok, true);
});

Deno.test("a password goes from the environment to its agent, and into no event", async () => {
  Deno.env.set("NOROUTER_TEST_PASSWORD", "hunter2");
  try {
    const http = {
      listen: ":18080",
      auth: { username: "u", passwordEnv: "NOROUTER_TEST_PASSWORD" },
    };
    await using bench = await new Bench().start({
      hosts: {
        good: { fake: {}, http },
        old: { fake: { features: ["tcp", "http"] }, http },
        broken: { fake: { extendError: "no" }, http },
      },
    });
    const sent = (host: string) => JSON.stringify(bench.agent(host).messages);
    assert.match(sent("good"), /"auth":{"username":"u","password":"hunter2"}/);
    assert.doesNotMatch(sent("old"), /hunter2|18080/);
    await bench.clock.pass(3000, 100);
    assert.equal(bench.messages("ready").length, 1);
    assert.equal(
      new Set(bench.messages("down").map((line) => line.slice(0, 25))).size,
      2,
    );
    assert.doesNotMatch(JSON.stringify(bench.events), /hunter2/);
  } finally {
    Deno.env.delete("NOROUTER_TEST_PASSWORD");
  }
});

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

Deno.test("a host that failed is told once, retried, and told to be back", async () => {
  const bench = new Bench();
  bench.unreachable.add("b");
  await bench.start(three);
  await bench.clock.pass(200, 50);
  const report = await bench.mesh.ready();
  assert.equal(report.ok, false);
  assert.deepEqual(report.ready.map(({ name }) => name), ["a", "c"]);
  assert.deepEqual(report.failed.map(({ host, message }) => [host.name, message]), [
    ["b", 'Cannot open a link to "b": no way'],
  ]);
  assert.deepEqual(bench.messages("down"), [
    'Cannot open a link to "b": no way; trying again in 0.8 s',
  ]);
  assert.equal(
    bench.mesh.hosts.get("b")!.lastFailure,
    'Cannot open a link to "b": no way',
  );
  bench.unreachable.clear();
  await bench.clock.pass(1000, 50);
  assert.deepEqual(bench.messages("ready").slice(-1), [
    "Ready again: b (127.0.42.102) after 0.85 s",
  ]);
  assert.equal(bench.mesh.hosts.get("b")!.lastFailure, undefined);
  await bench[Symbol.asyncDispose]();
});

Deno.test("of many failures in a row most are for developers", async () => {
  const bench = new Bench();
  bench.unreachable.add("b");
  await bench.start(three);
  await bench.clock.pass(300_000, 500);
  const levels = bench.events.filter(({ type }) => type === "down").map(({ level }) =>
    level
  );
  assert.deepEqual(levels.slice(0, 5), ["error", "error", "error", "debug", "debug"]);
  const told = levels.filter((level) => level === "error").length;
  assert.ok(told >= 6 && told <= 8, `${told} of ${levels.length} are told`);
  await bench[Symbol.asyncDispose]();
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

Deno.test("an agent that lacks what the manifest asks for is warned about once", async () => {
  const old = { fake: { features: ["tcp"] }, http: { listen: "127.0.0.1:8080" } };
  const manifest = {
    hosts: { a: { ...old, resolveFor: ["gate"] }, gate: { fake: {} } },
    routes: [
      { via: "gate", to: ["*.other"] },
      { via: "gate", to: ["*"], notTo: ["10.0.0.0/8", "who.test"] },
    ],
  };
  await using bench = await new Bench().start(manifest);
  bench.cut.get("a")!("cut");
  await bench.clock.pass(2000, 100);
  assert.equal(bench.mesh.hosts.get("a")!.state, "ready");
  assert.deepEqual(
    bench.messages("warning"),
    [
      'hosts.a: the agent of "a" (version 1.2.3) cannot listen on the loopback addresses ' +
      "of the mesh",
      'hosts.a.http.listen: the agent of "a" (version 1.2.3) has no HTTP proxy',
      'routes[0]: the agent of "a" (version 1.2.3) knows no routes, so its proxies dial ' +
      "everything themselves",
      'routes[1].notTo[1]: the agent of "a" (version 1.2.3) does not know names in "notTo", ' +
      'so for it who.test is behind "gate" as well; install this version of norouter ' +
      "there, or name ranges instead",
      'hosts.a: the agent of "a" (version 1.2.3) does not obey "resolveFor": its name ' +
      "server resolves all names for all hosts",
    ].map((message) => `manifest: ${message}`),
  );
});

Deno.test("a listener that failed is told with its line, and the mesh runs on", async () => {
  const error = { code: "EADDRINUSE", message: "Address already in use" };
  const listeners = [
    { address: "127.0.42.102:80", kind: "loopback", error },
    { address: "127.0.42.102:81", kind: "loopback" },
  ];
  const hosts = { ...three.hosts, a: { fake: { listeners }, vip: "127.0.42.101" } };
  await using bench = await new Bench().start({ hosts });
  assert.equal(bench.messages("listenerFailed").length, 1);
  assert.match(
    bench.messages("listenerFailed")[0]!,
    /^manifest: hosts\.b\.ports\[0\]: "a" cannot listen on 127\.0\.42\.102:80: the address is in use/,
  );
  assert.equal(bench.mesh.hosts.get("a")!.state, "ready");
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

Deno.test("a wrong manifest is an error with everything that is wrong", async () => {
  await assert.rejects(
    startMesh({ hosts: { a: { vip: "300.0.0.1" }, b: { ports: ["99999:x:1"] } } }),
    (error) => error instanceof ManifestError && error.diagnostics.length >= 2,
  );
  await assert.rejects(startMesh("/no/such/mesh.yaml"), ManifestError);
});

Deno.test("the error of a wrong manifest has the cause first, and what explains it", async () => {
  const told = async (hosts: Record<string, unknown>): Promise<string[]> => {
    const said: string[] = [];
    const onEvent = ({ message }: MeshEvent) => void said.push(message);
    try {
      await using _ = await startMesh({ hosts }, { onEvent });
    } catch (error) {
      said.push((error as Error).message);
    }
    return said;
  };
  assert.deepEqual(await told({ local: {}, bad: { dokcer: "x" } }), [
    `manifest: hosts.bad.dokcer: error: unknown field "dokcer" in host "bad"; did you ` +
    `mean "docker"?`,
  ]);
  const [warning, error] = await told({ local: {}, bad: { colour: "x" } });
  assert.match(warning!, /: warning: unknown field "colour"/);
  assert.match(error!, /: error: "bad" has no "cmd" or other way to it/);
});

Deno.test("warnings of a manifest are told by whoever read it", async () => {
  const text = "hosts:\n  a: { fake: {}, colour: red }\n";
  const bench = new Bench();
  const transports = new Map([...builtinTransports, [
    "fake",
    bench.transport as Transport,
  ]]);
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(path, text);
  await bench.start(path);
  await bench[Symbol.asyncDispose]();
  assert.equal(bench.messages("manifest").length, 1);
  assert.match(bench.messages("manifest")[0]!, /:2:\d+: warning: .*colour/);
  await Deno.remove(path);

  await using quiet = await new Bench().start(parseManifest(text, { path, transports }));
  assert.deepEqual(quiet.messages("manifest"), []);
});

Deno.test("a listener that subscribes sees events until it has had enough", async () => {
  await using bench = await new Bench().start(three);
  const seen: string[] = [];
  const unsubscribe = bench.mesh.subscribe(({ type }) => seen.push(type));
  bench.cut.get("b")!("cut");
  await bench.clock.pass(2000, 100);
  assert.deepEqual(seen, ["down", "ready"]);
  unsubscribe();
  bench.cut.get("b")!("cut");
  await bench.clock.pass(2000, 100);
  assert.deepEqual(seen, ["down", "ready"]);
});

Deno.test("a close ends every agent, may be repeated, and settles who waits", async () => {
  const bench = new Bench();
  await bench.start({ hosts: { a: { fake: {} }, b: { fake: { isMute: true } } } });
  const ready = bench.mesh.ready();
  await Promise.all([bench.mesh.close(), bench.mesh.close()]);
  await Promise.all([...bench.agents.values()].map(({ ended }) => ended));
  assert.deepEqual((await ready).failed.map(({ message }) => message), [
    '"b" was closed before it became ready',
  ]);
  assert.equal(bench.mesh.hosts.get("a")!.state, "closed");
  assert.equal(bench.clock.pending, 0);
});

/** A mesh over real processes and the real clock. */
async function commands(
  hosts: Record<string, Behaviour>,
  body: (
    mesh: Mesh,
    told: (type: MeshEvent["type"], part: RegExp) => Promise<string>,
  ) => Promise<void>,
) {
  const events: MeshEvent[] = [];
  let look = () => {};
  await using mesh = await startMesh({
    hosts: Object.fromEntries(
      Object.entries(hosts).map(([name, behaviour]) => [
        name,
        { cmd: fakeAgentCommand(behaviour) },
      ]),
    ),
  }, {
    onEvent(event) {
      events.push(event);
      look();
    },
  });
  const told = (type: MeshEvent["type"], part: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => {
        const seen = events.map(({ message }) => message).join("\n");
        reject(new Error(`${type} ${part} was not told, but:\n${seen}`));
      }, 20_000);
      look = () => {
        const event = events.find(({ type: t, message }) =>
          t === type && part.test(message)
        );
        if (!event) return;
        clearTimeout(timer);
        resolve(event.message);
      };
      look();
    });
  await body(mesh, told);
}

Deno.test("a command that fails is told with status and stderr, the others run", async () => {
  await commands({
    web: { stderr: "No such container: web", exit: 1 },
    good: { banner: "Last login: today\r\n" },
  }, async (mesh, told) => {
    const message = await told("down", /web/);
    assert.match(
      message,
      /^Cannot open a link to "web": \S+ exited with status 1: No such container: web; trying again in /,
    );
    await told("ready", /good/);
    await told("output", /^web: No such container: web$/);
    await told("output", /^good: Last login: today$/);
    assert.equal((await mesh.ready()).ok, false);
  });
});

Deno.test("a command that ends later is told, and the host is back by itself", async () => {
  await commands({ web: { exitWhenReady: 3 } }, async (_mesh, told) => {
    await told("ready", /^Ready: web/);
    await told(
      "down",
      /^The link to "web" ended: \S+ exited with status 3; trying again/,
    );
    await told("ready", /^Ready again: web/);
  });
});

Deno.test("a close ends a stubborn command by force within 2 s", async () => {
  let started = 0;
  await commands({ stubborn: { isStubborn: true }, good: {} }, async (mesh, told) => {
    await told("ready", /stubborn/);
    await told("ready", /good/);
    started = performance.now();
    await mesh.close();
  });
  const took = performance.now() - started;
  assert(took < 2500, `it took ${Math.round(took)} ms`);
});

Deno.test("of what a host says without end the log has a bounded part, and the count of the rest", async () => {
  await using bench = new Bench();
  const lines: ((line: string) => void)[] = [];
  const { open } = bench.transport;
  const talkative: Transport<Behaviour> = {
    ...bench.transport,
    open(behaviour, context) {
      lines.push(context.log);
      return open.call(this, behaviour, context);
    },
  };
  await bench.start({ hosts: { a: { fake: {} }, b: { fake: {} } } }, {
    transports: [talkative],
  });
  for (let i = 0; i < 1500; i++) lines[0]!(`${i}`);
  lines[1]!("b is heard all the same");
  const output = () => bench.messages("output");
  assert.equal(output().length, 1001);
  assert.equal(output()[999], "a: 999");
  await bench.clock.pass(1000);
  assert.deepEqual(bench.messages("warning"), [
    '500 lines from "a" (2000 characters) were left out: more than 20 lines or ' +
    "4096 characters a second came on the long run",
  ]);
  // For five minutes: what the long run allows, and a line each minute.
  for (let second = 0; second < 300; second++) {
    for (let i = 0; i < 100; i++) lines[0]!("x".repeat(1000));
    await bench.clock.pass(1000, 1000);
  }
  const characters = output().reduce((sum, line) => sum + line.length, 0);
  assert.ok(characters < 256 * 1024 + 302 * 4096, `${characters} characters`);
  assert.ok(bench.messages("warning").length <= 6);
  assert.equal(bench.mesh.hosts.get("a")!.droppedLines > 25_000, true);
  assert.equal(bench.mesh.hosts.get("b")!.droppedLines, 0);
});

Deno.test("listeners that cannot listen are told within the same bounds", async () => {
  const listeners = Array.from({ length: 3000 }, (_, port) => ({
    address: `127.0.42.1:${port + 1}`,
    kind: "loopback" as const,
    error: { code: "EADDRINUSE", message: "Address already in use (os error 98)" },
  }));
  const ports = listeners.map((_, port) => `${port + 1}:127.0.0.1:80`);
  await using bench = await new Bench().start({
    hosts: { a: { fake: { listeners } }, b: { fake: {}, ports } },
  });
  assert.equal(bench.messages("ready").length, 2);
  const told = bench.messages("listenerFailed").length;
  assert.ok(told > 100 && told <= 1000, `${told} are told`);
  assert.equal(bench.mesh.hosts.get("a")!.droppedLines, 3000 - told);
});

Deno.test("dropped control messages are told once with their count", async () => {
  await using bench = await new Bench().start(three);
  const result = { request_id: 99, op: "status", data: { listeners: [] } };
  for (let i = 0; i < 50; i++) {
    await bench.agent("a").message({ type: "result", body: result });
  }
  await settle();
  await bench.clock.pass(5000);
  const bytes = JSON.stringify({ type: "result", body: result }).length * 50;
  assert.deepEqual(bench.messages("warning").slice(-1), [
    `50 control messages from "a" (${bytes} bytes) were dropped: they came too fast, or ` +
    "answered what nobody had asked",
  ]);
  assert.equal(bench.mesh.hosts.get("a")!.droppedControls, 50);
});
