import assert from "node:assert/strict";
import { memoryLinkPair } from "../link/memory.ts";
import type { Link } from "../transports/mod.ts";
import { FakeAgent } from "./_fake_agent.ts";
import { settle } from "../link/_fake_clock.ts";
import { Bench } from "./_session_bench.ts";

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
