import assert from "node:assert/strict";
import { memoryLinkPair } from "../link/memory.ts";
import { withExit } from "../link/exit.ts";
import type { Link, OpenContext } from "../transports/mod.ts";
import { FrameType } from "../wire/frame.ts";
import { type Behaviour, FakeAgent } from "./_fake_agent.ts";
import { FakeClock, settle } from "../link/_fake_clock.ts";
import type { AttemptPlan } from "./attempt.ts";
import { type Failure, type Readiness, Session } from "./session.ts";

/** One session over memory links to fake agents, under a fake clock. */
class Bench implements AsyncDisposable {
  readonly clock = new FakeClock();
  /** Agents so far, the present one last. */
  readonly agents: FakeAgent[] = [];
  readonly links: Link[] = [];
  readonly readiness: Readiness[] = [];
  readonly failures: Failure[] = [];
  readonly log: string[] = [];
  /** Of the next agents. */
  behaviour: Behaviour = {};
  /** How links are opened; by default to a new fake agent. */
  open: (context: OpenContext) => Promise<Link> = () => Promise.resolve(this.link());
  readonly session: Session;

  constructor(plan: Partial<AttemptPlan> = {}) {
    this.session = new Session({
      host: "web",
      command: "docker exec -i web norouter",
      configure: {
        me: "127.0.42.101",
        forwards: [],
        others: [],
        hostnameMap: { web: "127.0.42.101" },
      },
      needed: { required: ["tcp"], wanted: [] },
      connectTimeout: 20_000,
      clock: this.clock,
      open: (context) => this.open(context),
      async carry(batches, onControl) {
        for await (const batch of batches) {
          for (const frame of batch) if (frame.type === FrameType.JSON) onControl(frame);
        }
      },
      ...plan,
    }, {
      ready: (readiness) => {
        this.readiness.push(readiness);
        this.log.push("ready");
      },
      down: () => this.log.push("down"),
      report: (failure) => this.failures.push(failure),
      suggestion: ({ ip, route }) => this.log.push(`${ip} via ${route}`),
      status: ({ listeners }) => this.log.push(`${listeners.length} listeners`),
      listenersUp: ({ listeners }) => this.log.push(`${listeners.length} up`),
      excess: (bytes) => this.log.push(`excess ${bytes}`),
      progress: () => {},
      output: (stream, line) => this.log.push(`${stream}: ${line}`),
    });
  }

  link(): Link {
    const [near, far] = memoryLinkPair();
    this.links.push(near);
    this.agents.push(new FakeAgent(far, this.behaviour));
    return near;
  }

  get agent(): FakeAgent {
    return this.agents.at(-1)!;
  }

  /** Starts the session and lets it come as far as it can without time passing. */
  async start(): Promise<this> {
    this.session.start();
    await settle();
    return this;
  }

  /** What the user was told, in words. */
  get told(): string[] {
    return this.failures.filter(({ isTold }) => isTold).map(({ message }) => message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = this.session.close();
    await this.clock.pass(3000, 500);
    await closing;
    assert.equal(this.clock.pending, 0, "no timer is left");
  }
}

Deno.test("a host is ready once its agent took its configuration", async () => {
  await using bench = new Bench();
  assert.equal(bench.session.state, "starting");
  await bench.start();
  assert.equal(bench.session.state, "ready");
  const { agent, again, ms } = bench.readiness[0]!;
  assert.deepEqual([agent.version, again, ms], ["1.2.3", false, 0]);
  assert.deepEqual(bench.agent.messages[0], {
    type: "request",
    body: {
      id: 1,
      op: "configure",
      args: {
        me: "127.0.42.101",
        forwards: [],
        others: [],
        hostnameMap: { web: "127.0.42.101" },
      },
    },
  });
});

Deno.test("only what an agent announced is used with it", async () => {
  await using bench = new Bench();
  bench.behaviour = { features: ["tcp", "loopback"] };
  await bench.start();
  await bench.clock.pass(60_000, 1000);
  assert.equal(bench.session.state, "ready", "its silence is no fault");
  assert.equal(bench.agent.messages.length, 1);
});

const extend = {
  http: { listen: ":18080", auth: { username: "u", password: "hunter2" } },
  exceptions: [{ route: 0, hostnames: ["*.intern"] }],
};
const needed = { required: ["tcp", "extend"], wanted: [] };

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

Deno.test("what an agent suggests is passed on", async () => {
  await using bench = new Bench();
  bench.behaviour = {
    events: [
      { type: "routeSuggestion", data: { ip: ["10.0.0.1"], route: "127.0.42.102" } },
      { type: "somethingNew", data: { unheard: "of" } },
    ],
  };
  await bench.start();
  assert(bench.log.includes("10.0.0.1 via 127.0.42.102"));
  assert.equal(bench.session.state, "ready");
});

Deno.test("a link that cannot be opened is told, and tried again", async () => {
  await using bench = new Bench();
  const open = bench.open;
  bench.open = () => Promise.reject(new Error("cannot start docker: no such command"));
  await bench.start();
  assert.equal(bench.session.state, "down");
  await bench.clock.pass(100, 50);
  assert.deepEqual(bench.told, [
    'Cannot open a link to "web": cannot start docker: no such command',
  ]);
  assert.equal(bench.failures[0]!.retryIn, 750);
  bench.open = open;
  await bench.clock.pass(700, 50);
  assert.equal(bench.agents.length, 0, "not before its time");
  await bench.clock.pass(50, 50);
  assert.equal(bench.session.state, "ready");
  assert.deepEqual(bench.readiness.map(({ again, ms }) => [again, ms]), [[true, 850]]);
});

Deno.test("a failure to open is told with how the command ended that was to open it", async () => {
  await using bench = new Bench();
  const exit = {
    ok: false,
    status: 1,
    reason: "it exited",
    stderr: ["No such container"],
  };
  bench.open = () => Promise.reject(withExit(new Error("it exited: no"), exit));
  await bench.start();
  await bench.clock.pass(100, 50);
  assert.deepEqual(bench.failures[0]!.end.exit, exit);
});

Deno.test("a link that is given up while it opens is told with how it ended", async () => {
  await using bench = new Bench({ connectTimeout: 3000 });
  const openLate = Promise.withResolvers<Link>();
  bench.open = ({ signal }) => {
    signal.addEventListener("abort", () => {
      const exit = { ok: false, reason: signal.reason.message, stderr: ["slow"] };
      openLate.reject(withExit(new Error("it was given up"), exit));
    });
    return openLate.promise;
  };
  await bench.start();
  await bench.clock.pass(3200, 50);
  const { reason, exit } = bench.failures[0]!.end;
  assert.match(reason, /^no answer within 3 s/);
  assert.deepEqual(exit, { ok: false, reason, stderr: ["slow"] });
});

Deno.test("a link that opens and ends at once is told with how it ended", async () => {
  await using bench = new Bench();
  bench.open = () => {
    const link = bench.link();
    const exit = {
      ok: false,
      status: 1,
      reason: "docker exited with status 1",
      stderr: ["Error response from daemon:", "No such container: web"],
    };
    link.abort("gone");
    return Promise.resolve({ ...link, closed: Promise.resolve(exit) });
  };
  await bench.start();
  await bench.clock.pass(500, 50);
  assert.deepEqual(bench.told, [
    'Cannot open a link to "web": docker exited with status 1: ' +
    "Error response from daemon:; No such container: web",
  ]);
  assert.equal(bench.failures[0]!.end.exit?.status, 1);
});

Deno.test("only what stderr said lately explains why a ready link ended", async () => {
  await using bench = new Bench();
  let said: (line: string) => void;
  const lines: string[] = [];
  bench.open = (context) => {
    said = (line) => {
      lines.push(line);
      context.log(line);
    };
    said("Warning: Permanently added 'box' to the list of known hosts.");
    const link = bench.link();
    const closed = link.closed.then((exit) => ({ ...exit, stderr: lines }));
    return Promise.resolve({ ...link, closed });
  };
  await bench.start();
  await bench.clock.pass(6000, 1000);
  said!("client_loop: send disconnect: Broken pipe");
  bench.links[0]!.abort("ssh exited with status 255");
  await bench.clock.pass(300, 50);
  assert.deepEqual(bench.told, [
    'The link to "web" ended: ssh exited with status 255: ' +
    "client_loop: send disconnect: Broken pipe",
  ]);
});

Deno.test("an agent that never answers is given up after connectTimeout", async () => {
  await using bench = new Bench({ connectTimeout: 3000 });
  bench.behaviour = { isMute: true };
  await bench.start();
  await bench.clock.pass(2900, 100);
  assert.equal(bench.session.state, "starting");
  await bench.clock.pass(100, 100);
  assert.equal(bench.session.state, "down");
  await bench.agent.ended;
  await bench.clock.pass(100);
  assert.deepEqual(bench.told, [
    'Cannot open a link to "web": no answer within 3 s (docker exec -i web norouter)',
  ]);
});

Deno.test("what an agent says that never answers is the reason", async () => {
  await using bench = new Bench({ connectTimeout: 3000 });
  bench.behaviour = { isMute: true };
  let said: (line: string) => void;
  const open = bench.open;
  bench.open = (context) => {
    said = context.log;
    return open(context);
  };
  await bench.start();
  said!('level=fatal msg="listen tcp 127.0.42.101:8080: bind: address already in use"');
  await bench.clock.pass(3200, 100);
  assert.deepEqual(bench.told, [
    'Cannot open a link to "web": no answer within 3 s (docker exec -i web norouter): ' +
    'level=fatal msg="listen tcp 127.0.42.101:8080: bind: address already in use"',
  ]);
});

Deno.test("a transport that never opens is given up after connectTimeout too", async () => {
  await using bench = new Bench({ connectTimeout: 3000 });
  let signal: AbortSignal;
  bench.open = (context) => {
    signal = context.signal;
    return new Promise(() => {});
  };
  await bench.start();
  await bench.clock.pass(3000);
  assert.equal(bench.session.state, "down");
  assert.equal(signal!.aborted, true);
});

Deno.test("a link that opens too late is ended", async () => {
  await using bench = new Bench({ connectTimeout: 1000 });
  const { promise, resolve } = Promise.withResolvers<Link>();
  bench.open = () => promise;
  await bench.start();
  await bench.clock.pass(1000);
  resolve(bench.link());
  await settle();
  assert.equal((await bench.links[0]!.closed).ok, false);
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

Deno.test("an answer that comes too late changes nothing", async () => {
  await using bench = new Bench({ connectTimeout: 1000 });
  const writable = new WritableStream();
  bench.open = () => Promise.resolve({ ...bench.link(), writable, abort() {} });
  await bench.start();
  await bench.clock.pass(1000);
  const result = { request_id: 1, op: "configure", data: { features: ["tcp"] } };
  await bench.agent.message({ type: "result", body: result });
  await settle();
  assert.equal(bench.session.state, "down");
  assert.deepEqual(bench.log, ["down"]);
  bench.links[0]!.abort("over");
});

Deno.test("a banner is shown and does no harm", async () => {
  await using bench = new Bench();
  bench.behaviour = { banner: "Welcome to BOX, Bob!\r\nB\r\n" };
  await bench.start();
  assert.deepEqual(bench.log.slice(0, 3), [
    "banner: Welcome to BOX, Bob!",
    "banner: B",
    "ready",
  ]);
});

Deno.test("bytes that are no frame end the link and are named", async () => {
  await using bench = new Bench();
  bench.behaviour = { garbage: "Killed by admin\n" };
  await bench.start();
  await bench.clock.pass(400, 50);
  assert.equal(bench.session.state, "down");
  assert.match(
    bench.told[0]!,
    /^The link to "web" ended: Cannot decode the frame at byte \d+: .*4b 69 6c 6c .*"Killed by admin/,
  );
  await bench.agent.ended;
});

Deno.test("a control message that makes no sense ends the link and is named", async () => {
  await using bench = new Bench();
  await bench.start();
  await bench.agent.message({ type: "event", body: { type: 7 } });
  await bench.clock.pass(400, 50);
  assert.match(
    bench.told[0]!,
    /^The link to "web" ended: Cannot read a control message: .*, in "\{\\"type\\":\\"event\\"/,
  );
});

Deno.test("a result counts only for the request that it answers, and once", async () => {
  await using bench = new Bench();
  await bench.start();
  const said = bench.log.length;
  const data = { listeners: [] };
  const results = [
    { request_id: 2, op: "status", data }, // answered already
    { request_id: 1, op: "status", data }, // that was configure
    { request_id: 999, op: "status", data },
    { request_id: 1, op: "configure", error: "late" },
  ];
  for (const body of results) await bench.agent.message({ type: "result", body });
  await settle();
  const lengths = results.map((body) => JSON.stringify({ type: "result", body }).length);
  assert.deepEqual(bench.log.slice(said), lengths.map((length) => `excess ${length}`));
  assert.equal(bench.session.state, "ready");
});

Deno.test("control messages beyond what an agent may send are dropped and counted", async () => {
  await using bench = new Bench();
  await bench.start();
  const said = bench.log.length;
  const suggest = (index: number) =>
    bench.agent.message({
      type: "event",
      body: {
        type: "routeSuggestion",
        data: { ip: [`10.1.0.${index % 256}`], route: "1.2.3.4" },
      },
    });
  for (let i = 0; i < 20_000; i++) await suggest(i);
  await settle();
  const counts = () => {
    const log = bench.log.slice(said);
    const excess = log.filter((line) => line.startsWith("excess")).length;
    return { excess, taken: log.length - excess };
  };
  // The answers to configure and status came out of the burst, too.
  assert.deepEqual(counts(), { excess: 20_000 - 16_382, taken: 16_382 });
  assert.equal(bench.session.state, "ready");
  await bench.clock.pass(1000);
  await suggest(1);
  await settle();
  assert.equal(counts().taken, 16_383);
});

Deno.test("a control message is as long as it may be for what was asked", async () => {
  const text = "x".repeat(70_000);
  const end = async (bench: Bench) => {
    await bench.clock.pass(400, 50);
    return bench.told[0]?.replace(/, 42 .*/, "");
  };
  {
    await using bench = new Bench();
    await bench.start();
    await bench.agent.message({ type: "event", body: { type: text } });
    assert.match(
      await end(bench) ?? "",
      /^The link to "web" ended: Cannot decode the frame at byte \d+: its 70\d+ bytes are more than the \d+ allowed$/,
    );
  }
  // A thousand listeners of the mesh make the result of status long, and nothing else.
  const others = Array.from(
    { length: 1000 },
    (_, port) => ({ ip: "127.0.42.9", port: port + 1, proto: "tcp" as const }),
  );
  const configure = { me: "127.0.42.101", forwards: [], others, hostnameMap: {} };
  const listeners = others.map(({ ip, port }) => ({
    address: `${ip}:${port}`,
    kind: "loopback" as const,
    error: { code: "EADDRINUSE", message: "Address already in use (os error 98)" },
  }));
  {
    await using bench = new Bench({ configure });
    bench.behaviour = { listeners };
    await bench.start();
    assert.ok(bench.log.includes("1000 listeners"), bench.log.join(", "));
    await bench.agent.message({ type: "event", body: { type: text } });
    assert.match(
      await end(bench) ?? "",
      /ended: A control message of 70\d+ bytes is longer than 65536, in "\{/,
    );
  }
});

Deno.test("an agent that falls silent is restarted", async () => {
  await using bench = new Bench();
  bench.behaviour = { pong: false };
  await bench.start();
  bench.behaviour = {};
  await bench.clock.pass(14_000, 1000);
  assert.equal(bench.session.state, "ready");
  await bench.clock.pass(1000, 1000);
  assert.equal(bench.session.state, "down");
  await bench.clock.pass(1000, 50);
  assert.deepEqual(bench.told, [
    'The link to "web" ended: nothing came from it for 15 s',
  ]);
  assert.equal(bench.session.state, "ready");
  await bench.clock.pass(60_000, 1000);
  assert.equal(bench.session.state, "ready", "the new one answers");
});

Deno.test("the next attempt waits until the link before it has ended", async () => {
  await using bench = new Bench();
  const { promise: closed, resolve } = Promise.withResolvers<Awaited<Link["closed"]>>();
  const open = bench.open;
  bench.open = () => Promise.resolve({ ...bench.link(), closed, abort() {} });
  bench.behaviour = { garbage: "?" };
  await bench.start();
  bench.open = open;
  bench.behaviour = {};
  await bench.clock.pass(2000, 50);
  assert.equal(bench.session.state, "down");
  assert.equal(bench.agents.length, 1);
  resolve({ ok: false, reason: "killed at last", stderr: [] });
  bench.links[0]!.abort("over");
  await bench.clock.pass(1000, 50);
  assert.equal(bench.agents.length, 2);
  assert.equal(bench.session.state, "ready");
});

Deno.test("failures in a row are told three times, then once a minute", async () => {
  await using bench = new Bench();
  const open = bench.open;
  bench.open = () => Promise.reject(new Error("no"));
  await bench.start();
  await bench.clock.pass(200_000, 750);
  assert(bench.failures.length > 8, `${bench.failures.length} attempts`);
  // An attempt every 22.5 s and one told a minute makes one every 67.5 s.
  assert.equal(bench.told.length, 3 + 2);
  assert.equal(bench.failures.at(-1)!.retryIn, 22_500);
  bench.open = open;
  await bench.clock.pass(30_000);
  assert.equal(bench.session.state, "ready");
  assert.equal(
    bench.log.filter((line) => line === "down").length,
    1,
    "it went down once",
  );
});

Deno.test("only a host that was up for a while counts its failures anew", async () => {
  await using bench = new Bench();
  await bench.start();
  const cutAfter = async (ms: number) => {
    await bench.clock.pass(ms, 1000);
    bench.links.at(-1)!.abort("cut");
    await bench.clock.pass(5000, 250);
    assert.equal(bench.session.state, "ready");
  };
  for (const ms of [1000, 0, 1000, 40_000, 0]) await cutAfter(ms);
  assert.deepEqual(bench.failures.map(({ attempt }) => attempt), [1, 2, 3, 1, 2]);
});

Deno.test("failures with a short time up between them are told from those in a row", async () => {
  await using bench = new Bench();
  const { open } = bench;
  await bench.start();
  const fail = async () => {
    bench.links.at(-1)!.abort("cut");
    await bench.clock.pass(2500, 250);
  };
  await fail();
  await fail();
  await bench.clock.pass(40_000, 1000);
  bench.open = () => Promise.reject(new Error("no"));
  await fail();
  bench.open = open;
  assert.deepEqual(
    bench.failures.slice(0, 4).map((
      { attempt, wasUpBetween },
    ) => [attempt, wasUpBetween]),
    [[1, false], [2, true], [1, false], [2, false]],
  );
});

Deno.test("a close lets the agent end by itself, and tells nobody of a failure", async () => {
  const bench = await new Bench().start();
  const closing = bench.session.close();
  await bench.agent.ended;
  await closing;
  assert.equal((await bench.links[0]!.closed).ok, true);
  assert.equal(bench.session.state, "closed");
  assert.deepEqual(bench.failures, []);
  assert.equal(bench.clock.pending, 0);
});

Deno.test("a command that ended just before the close is nobody's failure", async () => {
  const bench = await new Bench().start();
  bench.links[0]!.abort("interrupted by Ctrl-C");
  await bench.clock.pass(50);
  assert.equal(bench.session.state, "down");
  await bench.session.close();
  assert.deepEqual(bench.failures, []);
});

Deno.test("a close ends a link that stalls by force, within 2 s", async () => {
  const bench = new Bench();
  bench.open = () => {
    const [near, far] = memoryLinkPair({ bufferBytes: 1 });
    bench.links.push(near);
    bench.agents.push(
      new FakeAgent({ readable: new ReadableStream(), writable: far.writable }),
    );
    return Promise.resolve(near);
  };
  await bench.start();
  const closing = bench.session.close();
  await bench.clock.pass(2000);
  await closing;
  assert.equal((await bench.links[0]!.closed).ok, false);
});

Deno.test("a close while waiting for the next attempt takes no time", async () => {
  const bench = new Bench();
  bench.open = () => Promise.reject(new Error("no"));
  await bench.start();
  await bench.clock.pass(10_000);
  await bench.session.close();
  assert.equal(bench.clock.pending, 0);
});

Deno.test("a close while the link opens ends the opening", async () => {
  const bench = new Bench();
  bench.open = ({ signal }) =>
    new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  await bench.start();
  await bench.session.close();
  assert.equal(bench.clock.pending, 0);
  assert.deepEqual(bench.failures, []);
});
