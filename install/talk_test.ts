// The manager's side of an installation, with hosts in memory that say what they like.
import assert from "node:assert/strict";
import { until, within } from "../tests/harness/scene/wait.ts";
import { memoryLinkPair } from "../link/memory.ts";
import type { Link, LinkExit, OpenContext, Progress } from "../transports/mod.ts";
import { agentChannel } from "../manager/agent_channel.ts";
import { Attempt, type AttemptHooks, type AttemptPlan } from "../manager/attempt.ts";
import { FakeClock, settle } from "../link/_fake_clock.ts";
import { fileOf, testAgent, textOf } from "./_host.ts";
import type { AgentFile } from "./agents.ts";
import { openInstalled } from "./open.ts";
import { NoShellError } from "./talk.ts";

const WANT = "norouter-install want Linux x86_64 -";
const SEND = "norouter-install send";
const START = "norouter-install start /x";

/** A host at the other end of a link in memory. */
class FakeHost {
  readonly logged: string[] = [];
  readonly progress: Progress[] = [];
  alive = 0;
  readonly near: Link;
  readonly #far: Link;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly stop = new AbortController();
  /** Bytes of the script, once the command is known. */
  readonly #script = Promise.withResolvers<number>();
  /** What was taken so far, with the script. */
  #taken = 0;

  constructor(exit?: Partial<LinkExit>) {
    const [near, far] = memoryLinkPair({ bufferBytes: 64 * 1024 });
    const closed = near.closed.then((it) => ({ ...it, ...exit }));
    this.near = { ...near, closed };
    this.#far = far;
    this.#writer = far.writable.getWriter();
    this.stop.signal.addEventListener("abort", () => near.abort("no longer wanted"));
  }

  say(...lines: string[]): Promise<void> {
    return this.write(lines.map((line) => `${line}\n`).join(""));
  }

  write(text: string): Promise<void> {
    return this.#writer.write(new TextEncoder().encode(text));
  }

  /** Ends its output and takes nothing more. */
  async end(): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#far.readable.cancel().catch(() => {});
  }

  /** Takes bytes behind the script until `count` are there, then lets the rest wait. */
  async take(count: number): Promise<Uint8Array> {
    const script = await this.#script.promise;
    const reader = this.#far.readable.getReader();
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for (let got = 0; got < count;) {
      const { value, done } = await within("bytes", reader.read());
      if (done) throw new Error(`the link ended after ${got} of ${count} bytes`);
      const own = value.subarray(Math.max(0, script - this.#taken));
      this.#taken += value.length;
      chunks.push(own);
      got += own.length;
    }
    reader.releaseLock();
    return await new Blob(chunks).bytes();
  }

  get context(): OpenContext {
    return {
      host: "web",
      signal: this.stop.signal,
      log: (line) => this.logged.push(line),
      alive: () => this.alive++,
      progress: (progress) => this.progress.push(progress),
    };
  }

  open(file: AgentFile = testAgent(), context = this.context): Promise<Link> {
    const transport = {
      name: "fake",
      parse: (spec: unknown) => spec,
      describe: () => "a fake",
      open: () => Promise.reject(new Error("not by this")),
      exec: (_: unknown, words: readonly string[]) => {
        this.#script.resolve(Number(/head -c (\d+)/.exec(words.join())![1]));
        return Promise.resolve(this.near);
      },
    };
    const opening = openInstalled(
      transport,
      {},
      { mode: "auto", files: { x64: file } },
      context,
    );
    return within("a link", opening);
  }
}

for (
  const [what, lines, error] of [
    ["wants nothing", ["norouter-install want"], /^no agent for unknown on unknown: /],
    [
      "has odd words",
      [`norouter-install want ${"x".repeat(10_000)} \x1b[2J 9`],
      /^no agent for x{60}… on /,
    ],
    ["sends at once", [SEND], /would not: "norouter-install send" in place of ".* want"/],
    ["wants twice", [WANT, WANT], /would not: ".* want Linux .*" in place of ".* send"/],
    [
      "says another word",
      ["norouter-install hi"],
      /"norouter-install hi" in place/,
    ],
    [
      "says hello twice",
      ["norouter-install hello", "norouter-install hello"],
      /"norouter-install hello" in place/,
    ],
    ["says no word", ["norouter-install"], /"norouter-install" in place/],
    [
      "fails",
      ["norouter-install fail a reason"],
      /^cannot install the agent: a reason$/,
    ],
    ["fails when it should send", [WANT, "norouter-install fail x"], /the agent: x$/],
    ["fails when it got all", [WANT, SEND, "norouter-install fail y"], /the agent: y$/],
    ["sends twice", [WANT, SEND, SEND], /" in place of "norouter-install start"/],
    [
      "fails at length",
      [`norouter-install fail ${"x".repeat(10_000)}`],
      /^cannot install the agent: x{1000}…$/,
    ],
    [
      "says a line without an end",
      ["x".repeat(200_000)],
      /^more than 64 KiB of text and nothing of the installer: x{1000}…; x{1000}…; x{1000}…$/,
    ],
    ["says empty lines", ["\n".repeat(70_000)], /^more than 64 KiB of text and nothing/],
  ] as const
) {
  Deno.test(`a host that ${what} is refused with the reason`, async () => {
    const host = new FakeHost();
    const saying = host.say(...lines).catch(() => {});
    await assert.rejects(host.open(), (thrown: Error) => {
      assert.match(thrown.message, error);
      return true;
    });
    await saying;
    // Nobody reads from it any more.
    await assert.rejects(host.say("anybody there?"));
  });
}

for (
  const [state, lines] of [
    ["its first word", []],
    ["it can take bytes", [WANT]],
    ["it starts the agent", [WANT, SEND]],
  ] as const
) {
  Deno.test(`a link that ends before ${state} is told with its end`, async () => {
    const exit = { status: 3, reason: "ssh exited with status 3", stderr: ["a", "b"] };
    const host = new FakeHost({ ...exit, hint: "try again" });
    const opening = host.open();
    await host.say("Welcome", ...lines);
    await settle();
    await host.end();
    await assert.rejects(opening, {
      message: "ssh exited with status 3: a; b (try again)",
    });
  });
}

Deno.test("what a command said on standard output explains its end, too", async () => {
  const host = new FakeHost({ status: 1, reason: "it exited with status 1", stderr: [] });
  const opening = host.open();
  await host.write("no line end");
  await host.end();
  await assert.rejects(opening, { message: "it exited with status 1: no line end" });
});

for (
  const [status, said, isIt] of [
    [127, "sh: line 1: sh: command not found", true],
    [
      126,
      `OCI runtime exec failed: exec: "sh": executable file not found in $PATH`,
      true,
    ],
    [127, "bash: docker: command not found", false],
    [1, "sh: not found", false],
  ] as const
) {
  Deno.test(
    `status ${status} with ${JSON.stringify(said)} means ${
      isIt ? "that there is no shell" : "something else"
    }`,
    async () => {
      const host = new FakeHost({
        status,
        reason: `it exited with ${status}`,
        stderr: [],
      });
      const opening = host.open();
      await host.say(`${said}\r`);
      await host.end();
      const error: Error = await opening.then(() => assert.fail(), (error) => error);
      assert.equal(error instanceof NoShellError, isIt);
      assert.ok(
        error.message.startsWith(`it exited with ${status}: ${said}`),
        error.message,
      );
    },
  );
}

Deno.test("an agent's first frames directly behind the line are the link's", async () => {
  const host = new FakeHost();
  await host.write(`${START}\r\nBfirst`);
  const link = await host.open();
  assert.equal(host.alive, 1);
  await host.write("\nsecond");
  await host.end();
  assert.equal(await textOf(link.readable), "Bfirst\nsecond");
});

Deno.test("a host that has the agent all the same starts it, and nothing is sent", async () => {
  const host = new FakeHost();
  const file = testAgent();
  const opening = host.open(file);
  await host.say("norouter-install hello", WANT, START);
  await opening;
  assert.equal(file.reads, 0);
  await host.end();
});

Deno.test("what a host says after the start is not the installer's any more", async () => {
  const host = new FakeHost();
  await host.say(START, START, "norouter-install fail");
  const link = await host.open();
  await host.end();
  assert.equal(await textOf(link.readable), `${START}\nnorouter-install fail\n`);
});

Deno.test("the link keeps what its transport gave it, even by a class", async () => {
  const host = new FakeHost();
  const aborted: string[] = [];
  const inner = host.near;
  class Wrapped implements Link {
    get readable() {
      return inner.readable;
    }
    get writable() {
      return inner.writable;
    }
    get closed() {
      return inner.closed;
    }
    get releasesChunks() {
      return true;
    }
    abort(reason: string) {
      aborted.push(reason);
      inner.abort(reason);
    }
  }
  const near = new Wrapped();
  Object.defineProperty(host, "near", { value: near });
  const { readable, writable } = near;
  await host.say(START);
  const link = await host.open();
  assert.equal(link.readable, readable);
  assert.equal(link.writable, writable);
  assert.equal(link.releasesChunks, true);
  link.abort("enough");
  assert.deepEqual(aborted, ["enough"]);
  assert.equal((await link.closed).reason, "enough");
});

Deno.test("text before and between the script's lines is shown", async () => {
  const host = new FakeHost();
  const file = testAgent();
  const opening = host.open(file);
  await host.say("Welcome\r", "", "  to this host  ", WANT, "between", SEND);
  await host.take(file.bytes);
  await host.say(`${"x".repeat(5000)}`, START);
  await opening;
  await host.end();
  assert.deepEqual(host.logged, [
    "Welcome",
    "  to this host",
    "between",
    `${"x".repeat(1000)}…`,
  ]);
});

Deno.test("a terminal that sends back what it gets is named", async () => {
  const host = new FakeHost();
  const file = testAgent();
  const opening = host.open(file);
  await host.say(WANT);
  const order = new TextDecoder().decode(await host.take(1));
  await host.write(order.replace("\n", "\r\n"));
  await assert.rejects(opening, /what is sent comes back, as from a terminal/);
});

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

/** An attempt to reach a host, under a clock that the test turns. */
function attempt(host: FakeHost, file = testAgent()) {
  const clock = new FakeClock();
  const plan: AttemptPlan = {
    host: "web",
    command: "a fake",
    configure: { me: "127.0.42.101", forwards: [], others: [], hostnameMap: {} },
    needed: { required: [], wanted: [] },
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
