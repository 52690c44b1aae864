import assert from "node:assert/strict";
import { settle } from "../link/_fake_clock.ts";
import { Bench, extend, needed } from "./_session_bench.ts";

Deno.test("only what an agent announced is used with it", async () => {
  await using bench = new Bench();
  bench.behaviour = { features: ["tcp", "loopback"] };
  await bench.start();
  await bench.clock.pass(60_000, 1000);
  assert.equal(bench.session.state, "ready", "its silence is no fault");
  assert.equal(bench.agent.messages.length, 1);
});

Deno.test("extend follows configure and precedes status, and a host is ready after it", async () => {
  await using bench = new Bench({ extend, needed });
  bench.behaviour = { extendError: null };
  await bench.start();
  assert.equal(bench.session.state, "starting", "its proxies are not set up yet");
  const requests = () => bench.agent.messages.map(({ body }) => body);
  assert.deepEqual(requests().map(({ op }) => op), ["configure", "extend"]);
  assert.deepEqual(requests()[1], { id: 2, op: "extend", args: extend });

  await bench.agent.message({ type: "result", body: { request_id: 2, op: "extend" } });
  await settle();
  assert.equal(bench.session.state, "ready");
  assert.deepEqual(requests().map(({ op }) => op), ["configure", "extend", "status"]);
});

Deno.test("an agent that does not answer extend is given up in time", async () => {
  await using bench = new Bench({ extend, needed });
  bench.behaviour = { extendError: null };
  await bench.start();
  await bench.clock.pass(25_000, 1000);
  assert.match(bench.told[0]!, /no answer within 20 s/);
});

Deno.test("an agent that cannot do what extend asks for ends with its reason", async () => {
  await using bench = new Bench({ extend, needed });
  bench.behaviour = { extendError: "the moon is full" };
  await bench.start();
  await bench.clock.pass(3000, 100);
  assert.match(
    bench.told[0]!,
    /its agent cannot set up its proxies' passwords .*\(extend\): the moon is full/,
  );
  assert.deepEqual(bench.readiness, []);
  assert.doesNotMatch(bench.told.join(), /hunter2/);
});

Deno.test("an agent without extend never sees a password, and is refused for it", async () => {
  await using bench = new Bench({ extend, needed });
  bench.behaviour = { features: ["tcp", "loopback", "http"], version: "0.6.5" };
  await bench.start();
  await bench.clock.pass(3000, 100);
  assert.match(
    bench.told[0]!,
    /its agent \(version 0\.6\.5\) cannot ask for the password .*\(feature extend\)/,
  );
  for (const agent of bench.agents) {
    assert.doesNotMatch(JSON.stringify(agent.messages), /hunter2|extend/);
  }
});

Deno.test("an agent without extend does without excepted names", async () => {
  const { exceptions } = extend;
  await using bench = new Bench({ extend: { exceptions } });
  bench.behaviour = { features: ["tcp", "loopback"] };
  await bench.start();
  assert.equal(bench.session.state, "ready");
  assert.equal(bench.agent.messages.length, 1);
});

Deno.test("an agent with the feature tells its listeners", async () => {
  await using bench = new Bench();
  bench.behaviour = { listeners: [{ address: "127.0.42.101:80", kind: "loopback" }] };
  await bench.start();
  assert.deepEqual(bench.log, ["ready", "1 listeners"]);
});

Deno.test("an agent that lacks what is required is refused", async () => {
  await using bench = new Bench({
    needed: { required: ["tcp", "loopback.disable"], wanted: [] },
  });
  bench.behaviour = { features: ["tcp"], version: "0.5" };
  await bench.start();
  await bench.clock.pass(100);
  assert.deepEqual(bench.told, [
    'Cannot open a link to "web": its agent (version 0.5) lacks what its host needs: ' +
    "loopback.disable",
  ]);
  assert.equal(bench.readiness.length, 0);
});

Deno.test("an agent that refuses its configuration is told in its words", async () => {
  await using bench = new Bench();
  bench.behaviour = { error: "no such VIP" };
  await bench.start();
  await bench.clock.pass(100);
  assert.match(bench.told[0]!, /its agent cannot be configured: no such VIP$/);
});
