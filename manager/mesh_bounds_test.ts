import assert from "node:assert/strict";
import type { Transport } from "../transports/mod.ts";
import type { Behaviour } from "./_fake_agent.ts";
import { settle } from "../link/_fake_clock.ts";
import { Bench, three } from "./_bench.ts";

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
