import assert from "node:assert/strict";
import { settle } from "../link/_fake_clock.ts";
import { Bench } from "./_session_bench.ts";

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
