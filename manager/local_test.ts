import assert from "node:assert/strict";
import config from "../deno.json" with { type: "json" };
import { FakeClock } from "../link/_fake_clock.ts";
import { openLocalAgent } from "./local.ts";
import { startMesh } from "./mesh.ts";

const context = () => ({
  host: "local",
  signal: new AbortController().signal,
  log: (_line: string) => {},
});

Deno.test("the host without a command runs in this process, like any other", async () => {
  await using mesh = await startMesh({
    hosts: { local: { loopback: { disable: true } } },
  });
  assert.equal((await mesh.ready()).ok, true);
  const local = mesh.hosts.get("local")!;
  assert.equal(local.version, config.version);
  assert(local.features.includes("hostDown"));
  assert.equal(local.command, "the agent in this process");
});

Deno.test("the status has what the agent's stack holds", async () => {
  await using mesh = await startMesh({
    hosts: { local: { vip: "127.0.42.99", loopback: { disable: true } } },
  });
  await mesh.ready();
  const { stacks: [stack], hosts } = await mesh.status();
  assert.equal(stack?.host, "local");
  assert.ok(stack.pages > 0 && stack.usedPages <= stack.pages);
  assert.deepEqual([stack.connections, stack.turnedAway, stack.renewals], [0, 0, 0]);
  assert.equal(hosts[0]!.version, config.version);
});

Deno.test("a busy port of this machine is told, and the mesh runs on", async () => {
  using busy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = busy.addr as Deno.NetAddr;
  const told = Promise.withResolvers<string>();
  await using mesh = await startMesh({
    hosts: { local: { vip: "127.0.0.1", ports: [`${port}:127.0.0.1:1`] } },
  }, {
    onEvent(event) {
      if (event.type === "listenerFailed") told.resolve(event.message);
    },
  });
  const pattern = new RegExp(
    `^manifest: hosts\\.local\\.ports\\[0\\]: "local" cannot listen on 127\\.0\\.0\\.1:${port}: ` +
      "the address is in use; ",
  );
  assert.match(await told.promise, pattern);
  assert.equal((await mesh.ready()).ok, true);
});

Deno.test("the agent of this process ends with its input", async () => {
  const link = await openLocalAgent(context(), "1.0");
  await link.writable.close();
  assert.equal((await Array.fromAsync(link.readable)).length, 0);
  await link.closed;
});

Deno.test("what the agent of this process failed with is why its link ended", async () => {
  const link = await openLocalAgent(context(), "1.0");
  const writer = link.writable.getWriter();
  writer.write(new TextEncoder().encode("this is no frame")).catch(() => {});
  Array.fromAsync(link.readable).catch(() => {});
  const { ok, reason } = await link.closed;
  assert.equal(ok, false);
  assert.match(reason, /^Not a frame: .*"this is no frame"$/);
});

Deno.test("the agent of this process ends when its link is aborted", async () => {
  const clock = new FakeClock();
  const mesh = await startMesh({ hosts: { local: { loopback: { disable: true } } } }, {
    clock,
  });
  await mesh.ready();
  await mesh.close();
  assert.equal(clock.pending, 0);

  const link = await openLocalAgent(context(), "1.0");
  link.abort("enough");
  assert.equal((await link.closed).reason, "enough");
});
