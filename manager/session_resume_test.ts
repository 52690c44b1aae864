// An agent that outlives its link, as the session of its host sees it.
import assert from "node:assert/strict";
import { settle } from "../link/_fake_clock.ts";
import { memoryLinkPair } from "../link/memory.ts";
import type { Link, OpenContext } from "../transports/mod.ts";
import { withExit } from "../link/exit.ts";
import { Bench, extend, needed, resume } from "./_session_bench.ts";
import { AgentKey } from "./resume/agent_key.ts";

const STAYS = { resume: { seconds: 60 } };

/** A bench whose agent stays, ready for two seconds. */
async function ready(more: ConstructorParameters<typeof Bench>[0] = {}): Promise<Bench> {
  const bench = new Bench({ resume, ...more });
  bench.behaviour = STAYS;
  await bench.start();
  await bench.clock.pass(2000);
  return bench;
}

/** The operations that an agent was asked for, but pings and statuses. */
const asked = (bench: Bench, index = -1) =>
  bench.agents.at(index)!.messages.map(({ body }) => body.op ?? body.type)
    .filter((op) => op !== "ping" && op !== "status");

/** Opens nothing until it is given up. */
const slow = ({ signal }: OpenContext): Promise<Link> =>
  new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason))
  );

const unreachable = () => Promise.reject(new Error("no way there"));

Deno.test("an agent whose link ends is taken back over the next, at once", async () => {
  await using bench = await ready();
  const { args } = bench.agent.messages[0]!.body;
  assert.match(args.resume.id, /^[0-9a-f]{16}$/);
  assert.match(args.resume.secret, /^[0-9a-f]{32}$/);
  const { seconds, mesh, host } = args.resume;
  assert.deepEqual([seconds, mesh, host], [60, "feedbeef", "web"]);
  bench.links[0]!.abort("docker was killed");
  await settle();
  assert.equal(bench.session.state, "ready");
  assert.equal(bench.agents.length, 1);
  assert.equal(bench.agent.timesBack, 1);
  assert.deepEqual(
    bench.log.filter((line) => !line.endsWith("listeners")),
    ["ready", "away", "told away", "ready"],
  );
  const { resumed, again, ms } = bench.readiness[1]!;
  assert.deepEqual([resumed, again, ms], [true, true, 0]);
  assert.deepEqual(bench.failures, []);
  const [{ message, retryIn, left, isTold }] = bench.absences as [
    typeof bench.absences[0],
  ];
  assert.equal(message, 'The link to "web" ended: docker was killed');
  assert.deepEqual([retryIn, isTold], [0, true]);
  assert.ok(left > 55_000 && left <= 60_000, `${left}`);
});

Deno.test("without an answer that it stays, an agent ends with its link as ever", async () => {
  for (const answer of [{}, { resume: { off: "no place" } }]) {
    await using bench = new Bench({ resume });
    bench.behaviour = answer;
    await bench.start();
    await bench.clock.pass(2000);
    bench.links[0]!.abort("cut");
    await bench.clock.pass(50, 50);
    assert.equal(bench.session.state, "down");
    await bench.clock.pass(2000);
    assert.equal(bench.agents.length, 2);
    assert.ok(!bench.log.includes("away"));
    assert.equal(bench.told[0], 'The link to "web" ended: cut');
  }
});

Deno.test("a host that is not asked to resume is told nothing of it", async () => {
  await using bench = new Bench();
  bench.behaviour = STAYS;
  await bench.start();
  assert.ok(!("resume" in bench.agent.messages[0]!.body.args));
  const closing = bench.session.close();
  await bench.agent.ended;
  await closing;
  assert.ok(!asked(bench).includes("bye"));
});

Deno.test("a host that is not reached stays away, and is tried at longer and longer waits", async () => {
  await using bench = await ready();
  const { open } = bench;
  let attempts = 0;
  bench.open = () => {
    attempts++;
    return unreachable();
  };
  bench.links[0]!.abort("cut");
  await settle();
  assert.equal(attempts, 1, "at once");
  await bench.clock.pass(20_000);
  assert.equal(bench.session.state, "away");
  assert.ok(attempts > 3 && attempts < 8, `${attempts}`);
  assert.deepEqual(bench.absences.map(({ isTold }) => isTold).slice(0, 5), [
    true,
    true,
    true,
    false,
    false,
  ]);
  assert.match(bench.absences[1]!.message, /^Cannot open a link to "web": no way there$/);
  bench.open = open;
  await bench.clock.pass(30_000);
  assert.equal(bench.session.state, "ready");
  assert.equal(bench.agent.timesBack, 1);
  assert.deepEqual(bench.failures, []);
  assert.ok(!bench.log.includes("down"));
});

Deno.test("a link that ends again and again is told as often as that it is back", async () => {
  await using bench = await ready();
  for (let time = 0; time < 6; time++) {
    bench.links.at(-1)!.abort("cut");
    await bench.clock.pass(3000, 50);
    assert.equal(bench.session.state, "ready");
  }
  assert.equal(bench.agent.timesBack, 6);
  const losses = bench.absences.map(({ isTold }) => isTold);
  assert.deepEqual(losses, [true, true, true, false, false, false]);
  const [first, ...returns] = bench.readiness.map(({ isTold }) => isTold);
  assert.deepEqual([first, returns], [true, losses]);
});

Deno.test("when the agent's time is over the host is down, and a new agent is configured", async () => {
  await using bench = await ready();
  const { open } = bench;
  const attached: (string | undefined)[] = [];
  bench.open = ({ attach }) => {
    attached.push(attach);
    return unreachable();
  };
  bench.links[0]!.abort("cut");
  await bench.clock.pass(57_000);
  assert.equal(bench.session.state, "away");
  await bench.clock.pass(4000);
  assert.equal(bench.session.state, "down");
  assert.deepEqual(bench.failures.map(({ message, isTold }) => [message, isTold]), [
    ['"web" did not come back within 60 s: no way there', true],
  ]);
  assert.ok(attached.every((id) => id !== undefined));
  bench.open = open;
  await bench.clock.pass(31_000);
  assert.equal(bench.session.state, "ready");
  assert.equal(bench.agents.length, 2);
  const { resumed, again } = bench.readiness.at(-1)!;
  assert.deepEqual([resumed, again], [false, true]);
});

Deno.test("an agent's time over while a link is being opened ends that attempt", async () => {
  await using bench = await ready({ connectTimeout: 3_600_000 });
  const { open } = bench;
  bench.open = slow;
  bench.links[0]!.abort("cut");
  await bench.clock.pass(57_000);
  assert.equal(bench.session.state, "away");
  bench.open = open;
  await bench.clock.pass(4000);
  assert.match(bench.failures[0]!.message, /^"web" did not come back within 60 s: cut$/);
  await bench.clock.pass(3000);
  assert.equal(bench.session.state, "ready");
  assert.equal(bench.agents.length, 2);
});

Deno.test("an agent that is gone makes way for a new one on the same link", async () => {
  await using bench = await ready();
  await bench.agent.end();
  await bench.clock.pass(1500, 50);
  assert.deepEqual(
    bench.log.filter((line) => !line.endsWith("listeners")),
    ["ready", "away", "told away", "down", "ready"],
  );
  assert.equal(bench.links.length, 2, "one link for the question and the new agent");
  assert.deepEqual(asked(bench), ["resume", "configure"]);
  const [first, second] = bench.agents;
  const idOf = (agent: typeof first, at: number) => agent!.messages[at]!.body.args;
  assert.notEqual(idOf(second, 1).resume.id, idOf(first, 0).resume.id);
  const { message, isTold, retryIn } = bench.failures[0]!;
  assert.deepEqual([message, isTold, retryIn], [
    'The agent of "web" is gone: no agent stayed here',
    true,
    0,
  ]);
  const { resumed, again } = bench.readiness[1]!;
  assert.deepEqual([resumed, again], [false, true]);
});

Deno.test("each link is of a larger number, also after ones that came to nothing", async () => {
  const epochs: (number | undefined)[] = [];
  const keep = (key: AgentKey | undefined) => void epochs.push(key?.epoch);
  await using bench = await ready({ resume: { ...resume, keep } });
  const { open } = bench;
  bench.open = unreachable;
  bench.links[0]!.abort("cut");
  await settle();
  bench.open = open;
  await bench.clock.pass(3000);
  bench.links.at(-1)!.abort("cut");
  await settle();
  assert.equal(bench.agent.timesBack, 2);
  assert.deepEqual(epochs, [0, 1, 2, 3]);
  const closing = bench.session.close();
  await bench.agent.ended;
  await closing;
  assert.deepEqual(epochs.slice(4), [undefined]);
});

Deno.test("an older program, which does not know how to go back, is started as ever", async () => {
  const exits = [
    { status: 2, stderr: ["norouter: unknown option '--attach'"] },
    { status: 1, stderr: ["error: unexpected argument '--attach' found"] },
  ];
  for (const { status, stderr } of exits) {
    await using bench = await ready();
    const { open } = bench;
    bench.open = (context) => {
      if (context.attach === undefined) return open(context);
      const exit = { ok: false, status, reason: `exited with status ${status}`, stderr };
      return Promise.reject(withExit(new Error(exit.reason), exit));
    };
    bench.links[0]!.abort("cut");
    await bench.clock.pass(150, 50);
    assert.equal(bench.session.state, "down");
    assert.match(
      bench.told[0]!,
      /^The program on "web" cannot go back to the agent there: exited with status/,
    );
    await bench.clock.pass(3000);
    assert.equal(bench.session.state, "ready");
    assert.equal(bench.agents.length, 2);
  }
});

Deno.test("a link that is wanted no more says bye, and then its input ends", async () => {
  const bench = await ready();
  const closing = bench.session.close();
  await bench.agent.ended;
  await closing;
  assert.equal(asked(bench).at(-1), "bye");
  assert.equal((await bench.links[0]!.closed).ok, true);
  assert.equal(bench.clock.pending, 0);
});

Deno.test("a close while the host is away tells the agent there, over a link for that", async () => {
  const bench = await ready();
  const { open } = bench;
  bench.open = slow;
  bench.links[0]!.abort("interrupted by Ctrl-C");
  await settle();
  bench.open = open;
  const closing = bench.session.close();
  await bench.agent.ended;
  await closing;
  assert.deepEqual(asked(bench).slice(-1), ["bye"]);
  assert.equal(bench.agent.timesBack, 1);
  assert.deepEqual([bench.absences, bench.failures], [[], []], "which nobody is told");
  assert.equal(bench.clock.pending, 0);
});

Deno.test("a close of a host that is away and not reached is over within 2 s", async () => {
  const bench = await ready();
  bench.open = slow;
  bench.links[0]!.abort("cut");
  await bench.clock.pass(500);
  const closing = bench.session.close();
  await bench.clock.pass(2000);
  await closing;
  assert.equal(bench.clock.pending, 0);
});

Deno.test("a close while an agent is being configured says bye, for it may stay", async () => {
  const bench = new Bench({ resume });
  bench.behaviour = { ...STAYS, isMute: true };
  await bench.start();
  const closing = bench.session.close();
  await bench.agent.ended;
  await closing;
  assert.deepEqual(asked(bench), ["configure", "bye"]);
});

Deno.test("an agent that is of no use after its configuration does not stay", async () => {
  await using bench = new Bench({ resume, extend, needed });
  bench.behaviour = { ...STAYS, extendError: "no proxies here" };
  await bench.start();
  await bench.agent.ended;
  assert.deepEqual(asked(bench), ["configure", "extend", "bye"]);
});

Deno.test("a half-open link is given up, and the newest is the one that counts", async () => {
  await using bench = await ready();
  bench.agent.behaviour = { ...STAYS, pong: false }; // as a client that was stopped
  await bench.clock.pass(15_000, 500);
  assert.ok(bench.log.includes("away"), bench.log.join());
  bench.agent.behaviour = STAYS;
  await bench.clock.pass(1000, 50);
  assert.equal(bench.session.state, "ready");
  assert.equal(bench.agent.timesBack, 1);
  await bench.clock.pass(30_000, 500);
  assert.equal(bench.session.state, "ready");
});

Deno.test("an agent that is slow to answer is tried again, and stays away", async () => {
  await using bench = await ready({ connectTimeout: 2000 });
  const { open } = bench;
  bench.open = () => {
    const [near] = memoryLinkPair(); // where nobody answers
    bench.links.push(near);
    return Promise.resolve(near);
  };
  bench.links[0]!.abort("cut");
  await bench.clock.pass(2500, 100);
  assert.equal(bench.session.state, "away");
  bench.open = open;
  await bench.clock.pass(2000, 100);
  assert.equal(bench.agent.timesBack, 1);
});

Deno.test("a clock that jumped has all that wait try at once, from the beginning", async () => {
  await using bench = await ready();
  const { open } = bench;
  let attempts = 0;
  bench.open = () => {
    attempts++;
    return unreachable();
  };
  bench.links[0]!.abort("cut");
  await bench.clock.pass(30_000);
  const before = attempts;
  bench.clock.sleep(3_600_000);
  await bench.clock.pass(1000);
  const after = attempts;
  assert.ok(after > before);
  await bench.clock.pass(2000);
  assert.ok(attempts > after, "the next waits are short again");
  bench.open = open;
  bench.clock.sleep(60_000);
  await bench.clock.pass(1000);
  assert.equal(bench.session.state, "ready");
});

Deno.test("a link that was being opened when the clock jumped makes way for another", async () => {
  await using bench = await ready();
  const { open } = bench;
  bench.open = slow;
  bench.links[0]!.abort("cut");
  await bench.clock.pass(3000);
  bench.open = open;
  bench.clock.sleep(3_600_000);
  await bench.clock.pass(2000);
  assert.equal(bench.session.state, "ready");
  assert.equal(bench.agent.timesBack, 1);
});

Deno.test("a host that is down is tried at once too, and asks the user in peace", async () => {
  await using bench = new Bench();
  let attempts = 0;
  bench.open = () => {
    attempts++;
    return unreachable();
  };
  await bench.start();
  await bench.clock.pass(60_000);
  const before = attempts;
  bench.clock.sleep(60_000);
  await bench.clock.pass(1250);
  assert.equal(attempts, before + 1);
});

Deno.test("behind a jump a link to an agent that stays has 3 s, to another 15", async () => {
  for (const [behaviour, state] of [[STAYS, "away"], [{}, "ready"]] as const) {
    await using bench = new Bench({ resume });
    bench.behaviour = behaviour;
    await bench.start();
    await bench.clock.pass(2000);
    const link: Link = bench.links[0]!;
    bench.open = unreachable;
    bench.agent.behaviour = { ...behaviour, pong: false };
    bench.clock.sleep(600_000);
    await bench.clock.pass(1000);
    const pings = bench.agent.messages.filter(({ body }) => body.op === "ping").length;
    assert.equal(pings, 1, "at once");
    await bench.clock.pass(3500);
    assert.equal(bench.session.state, state);
    link.abort("over");
  }
});

Deno.test("the agent of an earlier manager is taken back while the host starts", async () => {
  const first = await ready();
  const { id, secret } = first.agent.messages[0]!.body.args.resume;
  first.links[0]!.abort("the manager was killed");
  await settle();
  const left = new AgentKey({ id, secret, seconds: 60, epoch: 1 });
  await using bench = new Bench({ resume: { ...resume, left } });
  bench.agents.push(first.agent);
  await bench.start();
  assert.equal(bench.session.state, "ready");
  assert.equal(bench.agents.length, 1);
  const { resumed, again } = bench.readiness[0]!;
  assert.deepEqual([resumed, again], [true, false]);
  assert.ok(!bench.log.includes("away"));
  first.agent.end();
  first.open = unreachable;
  await first[Symbol.asyncDispose]();
});

Deno.test("an agent of an earlier manager that is gone makes way for a new one", async () => {
  const left = AgentKey.fresh(60);
  await using bench = new Bench({ resume: { ...resume, left } });
  bench.behaviour = STAYS;
  await bench.start();
  assert.deepEqual(bench.log.slice(0, 2), ["lost", "ready"]);
  assert.deepEqual(asked(bench), ["resume", "configure"]);
  assert.equal(bench.readiness[0]!.resumed, false);
});

Deno.test("a host with the agent of an earlier manager that is not reached is away", async () => {
  const left = AgentKey.fresh(60);
  await using bench = new Bench({ resume: { ...resume, left } });
  bench.open = unreachable;
  await bench.start();
  assert.equal(bench.session.state, "away");
  await bench.clock.pass(61_000);
  assert.equal(bench.session.state, "down");
  assert.match(bench.told[0]!, /did not come back within 60 s: no way there/);
});

Deno.test("an agent that a newer one asked to end is told that its manager lives", async () => {
  await using bench = await ready();
  const data = { wish: 7 };
  await bench.agent.message({ type: "event", body: { type: "askedToEnd", data } });
  await settle();
  assert.deepEqual(bench.agent.messages.at(-1)!.body, { type: "stay", data });
});
