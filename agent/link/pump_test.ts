import assert from "node:assert/strict";
import { stackModule } from "../../stack/module.ts";
import { until } from "../../tests/harness/scene/wait.ts";
import { decodeControl, encodeControl } from "../../wire/control/control.ts";
import { decodeCredit, encodeCredit } from "../../wire/credit.ts";
import { FrameDecoder } from "../../wire/decoder.ts";
import { encodeFrame, type Frame, FrameType } from "../../wire/frame.ts";
import { LivingStack } from "../living_stack.ts";
import type { AgentPort } from "./port.ts";
import { Pump } from "./pump.ts";

/** A link whose other end is the test. */
class FakePort implements AgentPort {
  /** Frames that were written. */
  readonly frames: Frame[] = [];
  /** Writes do not settle while this is set. */
  isStuck = false;
  failure: Error | undefined;
  readonly #decoder = new FrameDecoder({ bannerLimit: 0 });
  readonly #given: (Uint8Array | null)[] = [];
  readonly #asked: { into: Uint8Array; settle: (count: number | null) => void }[] = [];

  /** The next read brings these bytes, or the end. */
  give(bytes: Uint8Array | null): void {
    this.#given.push(bytes);
    this.#serve();
  }

  read(into: Uint8Array): Promise<number | null> {
    return new Promise((settle) => {
      this.#asked.push({ into, settle });
      this.#serve();
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    if (this.isStuck) return new Promise(() => {});
    for (const frame of this.#decoder.push(bytes.slice())) {
      this.frames.push(frame.kept());
    }
    return Promise.resolve();
  }

  close(): void {
    for (const { settle } of this.#asked.splice(0)) settle(null);
  }

  /** The control messages that were written, by their type and name. */
  get messages(): string[] {
    return this.frames.filter(({ type }) => type === FrameType.JSON).map(
      ({ payload }) => {
        const { type, body } = decodeControl(payload);
        return `${type} ${"op" in body ? body.op : body.type}`;
      },
    );
  }

  #serve(): void {
    while (this.#asked.length > 0 && this.#given.length > 0) {
      const bytes = this.#given.shift()!;
      const { into, settle } = this.#asked.shift()!;
      if (bytes) into.set(bytes);
      settle(bytes && bytes.length);
    }
  }
}

const event = (type: string, data?: string) =>
  encodeControl({ type: "event", body: { type, ...(data && { data }) } });

async function scene() {
  const got: string[] = [];
  const pump = new Pump({
    onControl: (payload) => {
      const { body } = decodeControl(payload);
      got.push("type" in body ? body.type : body.op);
    },
  });
  const stack = new LivingStack({
    module: await stackModule(),
    onSyn: () => {},
    onTouched: () => pump.touched(),
    onTurnedAway: () => {},
    onRenewed: () => {},
    onGivenUp: (error) => pump.fail(error),
    now: () => performance.now(),
  });
  stack.start(0x7f002a64);
  pump.use(stack);
  pump.start();
  return { pump, stack, got, [Symbol.dispose]: () => pump.stop() };
}

Deno.test("control messages wait for the next link, and packets do not", async () => {
  using context = await scene();
  const { pump, stack } = context;
  const first = new FakePort();
  const carrying = pump.carry(first);
  pump.send(event("one"));
  await until("a message", () => first.messages.length === 1);
  first.give(null);
  assert.equal(await carrying, undefined);
  const connection = stack.connect(0x7f002a65, 80);
  await pump.sent(); // the SYN went nowhere
  pump.send(event("two"));
  pump.send(event("three"));
  const second = new FakePort();
  const again = pump.carry(second, { first: event("answer") });
  await until("messages", () => second.messages.length === 3);
  assert.deepEqual(second.messages, ["event answer", "event two", "event three"]);
  assert.equal(second.frames.length, 3);
  await until("the SYN again", () => second.frames.length > 3);
  connection.abort();
  connection.release();
  second.give(null);
  await again;
});

Deno.test("a frame that a link left unfinished is void", async () => {
  using context = await scene();
  const { pump, got } = context;
  for (const length of [3, 20, 400_000]) {
    const port = new FakePort();
    const carrying = pump.carry(port);
    const { bytes } = event("whole", "x".repeat(500_000));
    for (let at = 0; at < length; at += 100_000) {
      port.give(bytes.subarray(at, Math.min(length, at + 100_000)));
    }
    port.give(null);
    await carrying;
    const next = new FakePort();
    const again = pump.carry(next);
    next.give(event("next").bytes);
    next.give(null);
    await again;
  }
  assert.deepEqual(got, ["next", "next", "next"]);
});

Deno.test("a write that does not end ends with its link, and is made again", async () => {
  using context = await scene();
  const { pump, stack } = context;
  for (const what of ["control", "packets"]) {
    const stuck = new FakePort();
    stuck.isStuck = true;
    const carrying = pump.carry(stuck);
    const connection = stack.connect(0x7f002a65, 80);
    if (what === "control") pump.send(event("kept"));
    await new Promise((resolve) => setTimeout(resolve, 20)); // the write is under way
    pump.leave();
    assert.equal(await carrying, undefined);
    const next = new FakePort();
    const again = pump.carry(next);
    await until("the SYN", () => next.frames.some(({ type }) => type === FrameType.L3));
    assert.deepEqual(next.messages, what === "control" ? ["event kept"] : []);
    connection.abort();
    connection.release();
    next.give(null);
    await again;
  }
});

Deno.test("the fault of a link is its end, that of the pump a rejection", async () => {
  using context = await scene();
  const { pump } = context;
  const nonsense = new FakePort();
  const carrying = pump.carry(nonsense);
  nonsense.give(new TextEncoder().encode("Last login: today"));
  assert.match((await carrying)!.message, /Not a frame: .*Last login/);
  const broken = new FakePort();
  broken.failure = new Error("EPIPE");
  pump.send(event("one"));
  assert.equal(await pump.carry(broken), broken.failure);
  const good = new FakePort();
  const again = pump.carry(good);
  await until("the message", () => good.messages.length === 1);
  pump.fail(new Error("the stack is gone"));
  await assert.rejects(again, /the stack is gone/);
  await assert.rejects(pump.carry(new FakePort()), /the stack is gone/);
});

Deno.test("a hundred links use no more memory of the stack than two", async () => {
  using context = await scene();
  const { pump, got } = context;
  for (let i = 0; i < 100; i++) {
    const port = new FakePort();
    const carrying = pump.carry(port);
    port.give(event("one").bytes);
    if (i % 3 === 0) port.give(new TextEncoder().encode("no frame"));
    else if (i % 3 === 1) port.give(null);
    else await until("the message", () => got.length === i + 1).then(() => pump.leave());
    await carrying;
  }
  assert.equal(got.length, 100);
});

Deno.test("credits count from the start of each link, with what was read before", async () => {
  using context = await scene();
  const { pump } = context;
  for (const taken of [0, 77]) {
    const port = new FakePort();
    const carrying = pump.carry(port, { taken });
    const { bytes } = event("one");
    port.give(bytes);
    port.give(encodeCredit({ taken: 0, every: 4096 }).bytes);
    const credits = () => port.frames.filter(({ type }) => type === FrameType.CREDIT);
    await until("a credit", () => {
      return credits().some(({ payload }) =>
        decodeCredit(payload).taken === bytes.length + taken
      );
    });
    port.give(null);
    await carrying;
  }
});

Deno.test("without a link control messages are bounded, and the oldest are lost", async () => {
  using context = await scene();
  const { pump } = context;
  const none = new FakePort();
  none.give(null);
  await pump.carry(none);
  for (let i = 0; i < 10; i++) pump.send(event(`number ${i}`, "x".repeat(1 << 19)));
  const lost = pump.takeLost();
  assert.ok(lost >= 2 && lost < 5, `${lost}`);
  assert.equal(pump.takeLost(), 0);
  const port = new FakePort();
  const carrying = pump.carry(port);
  await until("those that are left", () => port.messages.length === 10 - lost);
  assert.equal(port.messages[0], `event number ${lost}`);
  // A packet of nonsense is still only that.
  port.give(encodeFrame(FrameType.L3, new Uint8Array(40)).bytes);
  port.give(null);
  assert.equal(await carrying, undefined);
});
