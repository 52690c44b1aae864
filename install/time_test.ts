import assert from "node:assert/strict";
import { until } from "../tests/harness/scene/wait.ts";
import { agentChannel } from "../manager/agent_channel.ts";
import { Attempt, type AttemptHooks, type AttemptPlan } from "../manager/attempt.ts";
import { FakeClock } from "../link/_fake_clock.ts";
import { testAgent } from "./_host.ts";
import { FakeHost, SEND, START, WANT } from "./_fake_host.ts";

/** An attempt to reach a host, under a clock that the test turns. */
function attempt(host: FakeHost, file = testAgent()) {
  const clock = new FakeClock();
  const plan: AttemptPlan = {
    host: "web",
    command: "a fake",
    greeting: {
      configure: { me: "127.0.42.101", forwards: [], others: [], hostnameMap: {} },
      needed: { required: [], wanted: [] },
    },
    connectTimeout: 20_000,
    clock,
    open: (context) => {
      context.signal.addEventListener("abort", () => host.near.abort("no longer wanted"));
      return host.open(file, context);
    },
    async carry() {},
  };
  const hooks: AttemptHooks = {
    ready() {},
    suggestion() {},
    status() {},
    listenersUp() {},
    excess() {},
    output() {},
    progress: (progress) => host.progress.push(progress),
  };
  const attempt = new Attempt(agentChannel(plan, hooks), { plan, hooks });
  let reason: string | undefined;
  attempt.ended.then((end) => reason = end.reason);
  return {
    clock,
    get reason() {
      return reason;
    },
    /** Lets what is left of it end. */
    async end() {
      attempt.close();
      while (reason === undefined) await clock.pass(1000);
    },
  };
}

Deno.test("a host that answers nothing has its connectTimeout", async () => {
  const host = new FakeHost();
  const it = attempt(host);
  await it.clock.pass(19_000);
  assert.equal(it.reason, undefined);
  await it.clock.pass(2000);
  assert.equal(it.reason, "no answer within 20 s (a fake)");
});

Deno.test("connectTimeout begins anew with bytes that move, and ends a stall", async () => {
  const host = new FakeHost();
  const it = attempt(host, testAgent(10 << 20));
  await host.say(WANT, SEND);
  for (let round = 0; round < 5; round++) {
    await host.take(1 << 20);
    await it.clock.pass(15_000);
    assert.equal(it.reason, undefined);
  }
  await it.clock.pass(6000);
  assert.equal(it.reason, "no answer within 20 s (a fake)");
});

Deno.test("a host that only talks has no more time than one that is silent", async () => {
  const host = new FakeHost();
  const it = attempt(host);
  for (let second = 0; second < 21; second++) {
    await host.say("still thinking").catch(() => {});
    await it.clock.pass(1000);
  }
  assert.equal(it.reason, "no answer within 20 s (a fake): still thinking");
});

Deno.test("a slow way has a share of the time that it took, for what is under way", async () => {
  const host = new FakeHost();
  const file = testAgent(1 << 20);
  const opening = host.open(file);
  await host.say(WANT, SEND);
  const began = performance.now();
  for (let got = 0; host.progress.at(-1)?.done !== file.bytes;) {
    const enough = performance.now() + 100;
    await until("time to pass", () => performance.now() > enough);
    got += (await host.take(1)).length;
    if (got >= file.bytes) break;
  }
  await until("all to be taken", () => host.progress.at(-1)!.done === file.bytes);
  const took = performance.now() - began;
  const { alive } = host;
  await until("a sign of life", () => host.alive > alive);
  await until("the signs to end", async () => {
    const before = host.alive;
    const enough = performance.now() + 450;
    await until("two more to be due", () => performance.now() > enough);
    return host.alive === before;
  });
  assert.ok(performance.now() - began < took * 2 + 2000);
  await host.say(START);
  await opening;
  await host.end();
});
