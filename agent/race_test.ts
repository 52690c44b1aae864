import assert from "node:assert/strict";
import type { Target } from "../proxy/connector.ts";
import { SocketStream } from "../proxy/edge/stream.ts";
import type { Upstream } from "../proxy/upstream.ts";
import { until } from "../tests/harness/scene/wait.ts";
import { race } from "./race.ts";

/** Long for a test, so that nothing is slow unless the test says so. */
const NEVER_MS = 60_000;

/** A dial of the bench, settled by the test. */
interface Dial {
  readonly signal: AbortSignal;
  resolve(upstream: Upstream): void;
  reject(error: Error): void;
}

/** Races whose dials hang until the test settles them, or their signal is aborted. */
class Bench {
  readonly dials = new Map<string, Dial>();
  readonly slow: string[] = [];
  readonly failed: string[] = [];
  readonly client = new AbortController();
  /** Whether dials go on in spite of their signal, as one that connects just then. */
  areDeaf = false;

  run(names: string, options: { slowMs?: number; limitMs?: number } = {}) {
    const targets = names.split(" ").map((hostname) => ({ hostname, port: 80 }));
    return race(targets, this.client.signal, {
      connector: { connect: (name, _, signal) => this.#connect(name, signal!) },
      onSlow: ({ hostname }: Target) => this.slow.push(hostname),
      onFailure: ({ hostname }: Target) => this.failed.push(hostname),
      limitMs: NEVER_MS,
      slowMs: NEVER_MS,
      ...options,
    });
  }

  get dialled(): string {
    return [...this.dials.keys()].join(" ");
  }

  get aborted(): string {
    return [...this.dials].filter(([, { signal }]) => signal.aborted)
      .map(([name]) => name).join(" ");
  }

  async until(dialled: string): Promise<void> {
    await until(`the dials ${dialled}`, () => this.dialled === dialled);
  }

  #connect(name: string, signal: AbortSignal): Promise<Upstream> {
    const { promise, resolve, reject } = Promise.withResolvers<Upstream>();
    this.dials.set(name, { signal, resolve, reject });
    signal.addEventListener("abort", () => {
      if (!this.areDeaf) reject(signal.reason);
    });
    return promise;
  }
}

/** A connection that says whether it was reset. */
class Fake extends SocketStream {
  wasReset = false;

  constructor() {
    super({} as Deno.TcpConn);
  }

  override reset(): void {
    this.wasReset = true;
  }
}

Deno.test("while the first target may still answer, no other is tried", async () => {
  const bench = new Bench();
  const result = bench.run("one two");
  const one = new Fake();
  bench.dials.get("one")!.resolve(one);
  assert.equal(await result, one);
  assert.equal(bench.dialled, "one");
  assert.deepEqual([bench.slow, bench.failed, bench.aborted], [[], [], ""]);
});

Deno.test("the next target is tried besides one that is silent, whose dial is aborted when another wins", async () => {
  const bench = new Bench();
  const result = bench.run("one two three", { slowMs: 20 });
  await bench.until("one two three");
  assert.equal(bench.aborted, "", "all are in the race");
  assert.deepEqual(bench.slow, ["one", "two"]);
  const two = new Fake();
  bench.dials.get("two")!.resolve(two);
  assert.equal(await result, two);
  assert.equal(bench.aborted, "one three");
  assert.equal(two.wasReset, false);
});

Deno.test("who was silent and answers first all the same is taken", async () => {
  const bench = new Bench();
  const result = bench.run("one two", { slowMs: 20 });
  await bench.until("one two");
  const one = new Fake();
  bench.dials.get("one")!.resolve(one);
  assert.equal(await result, one);
  assert.equal(bench.aborted, "two");
});

Deno.test("the next target is tried at once in place of one that failed", async () => {
  const bench = new Bench();
  const result = bench.run("one two");
  bench.dials.get("one")!.reject(new Error("refused"));
  await bench.until("one two");
  bench.dials.get("two")!.resolve(new Fake());
  await result;
  assert.deepEqual([bench.slow, bench.failed], [[], ["one"]]);
});

Deno.test("a failure of a silent target leaves its second to the one after", async () => {
  const bench = new Bench();
  const result = bench.run("one two three", { slowMs: 1000 });
  await bench.until("one two");
  bench.dials.get("one")!.reject(new Error("refused"));
  await until("the failure", () => bench.failed.length === 1);
  assert.equal(bench.dialled, "one two");
  bench.dials.get("two")!.resolve(new Fake());
  await result;
  assert.deepEqual([bench.slow, bench.failed], [["one"], ["one"]]);
});

Deno.test("one hangs, one fails, and the last wins", async () => {
  const bench = new Bench();
  const result = bench.run("one two three", { slowMs: 20 });
  await bench.until("one two three");
  bench.dials.get("two")!.reject(new Error("refused"));
  const three = new Fake();
  bench.dials.get("three")!.resolve(three);
  assert.equal(await result, three);
  assert.equal(bench.aborted, "one");
});

Deno.test("the last failure is that of the race, which waits for silent targets", async () => {
  const bench = new Bench();
  const result = bench.run("one two", { slowMs: 20 });
  await bench.until("one two");
  bench.dials.get("two")!.reject(new Error("two refused"));
  await until("the failure", () => bench.failed.length === 1);
  bench.dials.get("one")!.reject(new Error("one timed out"));
  await assert.rejects(result, /one timed out/);
  assert.deepEqual(bench.failed, ["two", "one"]);
});

Deno.test("the last target is told to be slow as well", async () => {
  const bench = new Bench();
  const result = bench.run("one two", { slowMs: 20 });
  await until("both", () => bench.slow.join(" ") === "one two");
  bench.dials.get("two")!.resolve(new Fake());
  await result;
});

Deno.test("behind the limit no further target is tried", async () => {
  const bench = new Bench();
  const result = bench.run("one two", { slowMs: 20, limitMs: -1 });
  await until("the silence", () => bench.slow.length === 1);
  bench.dials.get("one")!.reject(new Error("timed out"));
  await assert.rejects(result, /timed out/);
  assert.equal(bench.dialled, "one");
});

Deno.test("when the client goes, all dials are aborted and no host is blamed", async () => {
  const bench = new Bench();
  const result = bench.run("one two three", { slowMs: 500 });
  await bench.until("one two");
  bench.client.abort(new Error("gone"));
  await assert.rejects(result, /gone/);
  assert.equal(bench.aborted, "one two");
  assert.equal(bench.dialled, "one two");
  assert.deepEqual(bench.failed, []);
});

Deno.test("a loser that connects in the same moment is reset", async () => {
  const bench = new Bench();
  bench.areDeaf = true;
  const result = bench.run("one two", { slowMs: 20 });
  await bench.until("one two");
  const [one, two] = [new Fake(), new Fake()];
  bench.dials.get("two")!.resolve(two);
  bench.dials.get("one")!.resolve(one);
  assert.equal(await result, two);
  await until("the reset", () => one.wasReset);
  assert.equal(two.wasReset, false);
});
