/**
 * The manager's side of an installation, with hosts in memory that say what they like.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Link } from "../transports/mod.ts";
import { settle } from "../link/_fake_clock.ts";
import { testAgent, textOfStream } from "./_host.ts";
import { NoShellError } from "./talk.ts";
import { FakeHost, SEND, START, WANT } from "./_fake_host.ts";

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
  assert.equal(await textOfStream(link.readable), "Bfirst\nsecond");
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
  assert.equal(await textOfStream(link.readable), `${START}\nnorouter-install fail\n`);
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
