import assert from "node:assert/strict";
import { ManifestError } from "../manifest/source/diagnostic.ts";
import { parseManifest } from "../manifest/parse.ts";
import type { Transport } from "../transports/mod.ts";
import { builtinTransports } from "../transports/registry.ts";
import { startMesh } from "./mesh.ts";
import { Bench, three } from "./_bench.ts";

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

Deno.test("a wrong manifest is an error with everything that is wrong", async () => {
  await assert.rejects(
    startMesh({ hosts: { a: { vip: "300.0.0.1" }, b: { ports: ["99999:x:1"] } } }),
    (error) => error instanceof ManifestError && error.diagnostics.length >= 2,
  );
  await assert.rejects(startMesh("/no/such/mesh.yaml"), ManifestError);
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
