import assert from "node:assert/strict";
import { until } from "../tests/harness/scene/wait.ts";
import { settle } from "../link/_fake_clock.ts";
import { fileOf, testAgent } from "./_host.ts";
import { FakeHost, SEND, START, WANT } from "./_fake_host.ts";

Deno.test("a host that does not take bytes lets the file wait, in memory too", async () => {
  const host = new FakeHost();
  let read = 0;
  const total = 50 << 20;
  const file = {
    name: "0123456789abcdef-1",
    bytes: total,
    sha256: () => Promise.resolve("ab".repeat(32)),
    async *read() {
      while (read < total) {
        read += 65536;
        yield new Uint8Array(65536);
        await Promise.resolve();
      }
    },
  };
  const opening = host.open(file);
  await host.say(WANT, SEND);
  await host.take(10);
  await until("the first bytes", () => read > 0);
  await settle(20);
  assert.ok(read <= 4 * 65536, `${read} bytes were read`);
  await host.take(10 << 20);
  await settle(20);
  assert.ok(read <= (10 << 20) + 4 * 65536, `${read} bytes were read`);
  // Each piece that was taken is a sign of life; a stall gives none.
  const { alive } = host;
  assert.ok(alive >= 160, `${alive} signs`);
  await settle(20);
  assert.equal(host.alive, alive);
  host.stop.abort();
  await assert.rejects(opening);
});

Deno.test("the reason of a host that fails while it is sent to comes at once", async () => {
  const host = new FakeHost();
  const opening = host.open(testAgent(10 << 20));
  await host.say(WANT, SEND);
  await host.take(1 << 20);
  await host.say("norouter-install fail the disk is full");
  await assert.rejects(opening, {
    message: "cannot install the agent: the disk is full",
  });
});

Deno.test("the reason of a host that fails counts, though writing to it fails first", async () => {
  const host = new FakeHost({ reason: "it ended" });
  // Its output comes late, its input is closed at once.
  const { promise, resolve } = Promise.withResolvers<void>();
  const { readable, writable: into } = new TransformStream<
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>
  >();
  const near = host.near;
  let written = 0;
  const writable = new WritableStream<Uint8Array<ArrayBufferLike>>({
    write(chunk) {
      if ((written += chunk.length) > 20_000) {
        setTimeout(resolve, 50);
        throw new Error("broken pipe");
      }
    },
  });
  Object.defineProperty(host, "near", { value: { ...near, readable, writable } });
  const writer = into.getWriter();
  const encoder = new TextEncoder();
  writer.write(encoder.encode(`${WANT}\n${SEND}\n`));
  const opening = host.open(testAgent(100_000));
  opening.catch(() => {});
  await promise;
  writer.write(encoder.encode("norouter-install fail for a reason\n")).catch(() => {});
  await assert.rejects(opening, { message: "cannot install the agent: for a reason" });
});

Deno.test("a file that cannot be read any more is the reason, at once", async () => {
  const host = new FakeHost();
  const file = {
    ...testAgent(1 << 20),
    // deno-lint-ignore require-yield
    async *read(): AsyncGenerator<Uint8Array> {
      await Promise.resolve();
      throw new Error("no such file");
    },
  };
  const opening = host.open(file);
  await host.say(WANT, SEND);
  await assert.rejects(opening, { message: "no such file" });
});

for (const [what, bytes] of [["shorter", 10], ["longer", 100_000]] as const) {
  Deno.test(`a file that became ${what} meanwhile is not sent`, async () => {
    const host = new FakeHost();
    const before = fileOf(new Uint8Array(50_000), "0123456789abcdef-50000");
    const now = fileOf(new Uint8Array(bytes), before.name);
    const opening = host.open({ ...before, read: () => now.read() });
    await host.say(WANT, SEND);
    await assert.rejects(opening, {
      message: "the agent's file changed while it was sent",
    });
  });
}

Deno.test("progress begins with nothing and ends with everything", async () => {
  const host = new FakeHost();
  const file = testAgent(3 << 20);
  const opening = host.open(file);
  await host.say(WANT, SEND);
  const order = `agent ${file.bytes} ${await file.sha256()} ${file.name}\n`;
  const got = await host.take(order.length + file.bytes);
  assert.equal(new TextDecoder().decode(got.subarray(0, order.length)), order);
  await host.say(START);
  await opening;
  const [first, last] = [host.progress[0]!, host.progress.at(-1)!];
  assert.deepEqual([first.done, first.total, first.what], [0, file.bytes, "the agent"]);
  assert.equal(last.done, file.bytes);
  const dones = host.progress.map(({ done }) => done);
  assert.deepEqual(dones, dones.toSorted((a, b) => a - b));
  await host.end();
});
