import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { encodeControl } from "../wire/control/control.ts";
import { encodeCredit } from "../wire/credit.ts";
import { encodeFrame, FrameType } from "../wire/frame.ts";
import { FEATURES } from "./agent.ts";
import { startAgent, startPair, type TestAgent } from "./_pair.ts";

const A = "127.0.42.210";
const B = "127.0.42.211";
const stateDir = { disable: true };
const linux = Deno.build.os === "linux";

/** A server that hands each connection to `serve`, and how to stop it. */
function server(
  serve: (connection: Deno.TcpConn) => Promise<void>,
): { port: number; stop: () => Promise<void> } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const tasks: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      tasks.push(serve(connection).catch(() => {}));
    }
  })();
  return {
    port: listener.addr.port,
    async stop() {
      listener.close();
      await accepting;
      await Promise.all(tasks);
    },
  };
}

async function readAll(connection: Deno.TcpConn): Promise<Uint8Array> {
  const parts: BlobPart[] = [];
  const buffer = new Uint8Array(65536);
  for (
    let got = await connection.read(buffer);
    got;
    got = await connection.read(buffer)
  ) {
    parts.push(buffer.slice(0, got));
  }
  return await new Blob(parts).bytes();
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function random(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65536));
  }
  return bytes;
}

const connect = () => Deno.connect({ hostname: B, port: 8080 });

Deno.test({
  name: "bytes go both ways at once and come whole, with both ends half-closed",
  ignore: !linux, // other systems lack the loopback addresses
  async fn() {
    const [up, down] = [random(20_000_003), random(17_000_001)];
    let got = new Uint8Array();
    const target = server(async (connection) => {
      const [read] = await Promise.all([
        readAll(connection),
        writeAll(connection, down).then(() => connection.closeWrite()),
      ]);
      got = read as Uint8Array<ArrayBuffer>;
      connection.close();
    });
    const pair = await startPair({
      a: A,
      b: B,
      forwards: [[8080, "127.0.0.1", target.port]],
    });
    const client = await connect();
    const [, answer] = await Promise.all([
      writeAll(client, up).then(() => client.closeWrite()),
      readAll(client),
    ]);
    client.close();
    await target.stop(); // when it has read everything
    await pair.stop();
    assert.ok(Buffer.from(down).equals(answer)); // deepEqual takes minutes for these
    assert.ok(Buffer.from(up).equals(got));
  },
});

Deno.test({
  name: "a reply sent after the client's end of stream still arrives",
  ignore: !linux,
  async fn() {
    const target = server(async (connection) => {
      const request = await readAll(connection);
      await writeAll(connection, new TextEncoder().encode(`got ${request.length}`));
      connection.close();
    });
    const pair = await startPair({
      a: A,
      b: B,
      forwards: [[8080, "127.0.0.1", target.port]],
    });
    const client = await connect();
    await writeAll(client, random(100_000));
    await client.closeWrite();
    assert.equal(new TextDecoder().decode(await readAll(client)), "got 100000");
    client.close();
    await pair.stop();
    await target.stop();
  },
});

Deno.test({
  name: "a refused target comes back as a reset, not as an end of stream",
  ignore: !linux,
  async fn() {
    const unused = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = unused.addr;
    unused.close();
    const pair = await startPair({ a: A, b: B, forwards: [[8080, "127.0.0.1", port]] });
    const client = await connect();
    await assert.rejects(client.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
    client.close();
    await pair.stop();
  },
});

Deno.test({
  name: "a reset by the server is a reset for the client, and the other way round",
  ignore: !linux,
  async fn() {
    const { resetConnection } = await import("../proxy/edge/reset.ts");
    const seen = Promise.withResolvers<unknown>();
    const target = server(async (connection) => {
      const first = new Uint8Array(1);
      await connection.read(first);
      if (first[0] === 1) return resetConnection(connection);
      await connection.read(first).then(seen.resolve, seen.resolve);
      connection.close();
    });
    const pair = await startPair({
      a: A,
      b: B,
      forwards: [[8080, "127.0.0.1", target.port]],
    });
    const victim = await connect();
    await victim.write(new Uint8Array([1]));
    await assert.rejects(victim.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
    victim.close();

    const culprit = await connect();
    await culprit.write(new Uint8Array([2]));
    await new Promise((resolve) => setTimeout(resolve, 50)); // the byte, then the reset
    resetConnection(culprit);
    assert.ok(await seen.promise instanceof Deno.errors.ConnectionReset);
    await pair.stop();
    await target.stop();
  },
});

Deno.test({
  name: "connections to a host that is down end at once with a reset",
  ignore: !linux,
  async fn() {
    const target = server(async (connection) => {
      await readAll(connection).catch(() => {});
      connection.close();
    });
    const pair = await startPair({
      a: A,
      b: B,
      forwards: [[8080, "127.0.0.1", target.port]],
    });
    const client = await connect();
    await client.write(new Uint8Array([1]));
    const reading = client.read(new Uint8Array(1));
    const event = { type: "hostDown", data: { ip: B, ranges: [] } };
    await pair.a.send(encodeControl({ type: "event", body: event }).bytes);
    await assert.rejects(reading, Deno.errors.ConnectionReset);
    client.close();
    await pair.stop();
    await target.stop();
  },
});

Deno.test({
  name: "the end of the input ends listeners, connections and the agent",
  ignore: !linux,
  async fn() {
    const target = server(async (connection) => {
      await readAll(connection).catch(() => {});
      connection.close();
    });
    const pair = await startPair({
      a: A,
      b: B,
      forwards: [[8080, "127.0.0.1", target.port]],
    });
    const client = await connect();
    const reading = client.read(new Uint8Array(1));
    await pair.a.end();
    await pair.a.finished;
    await assert.rejects(reading, Deno.errors.ConnectionReset);
    client.close();
    await assert.rejects(connect(), Deno.errors.ConnectionRefused);
    await pair.stop();
    await target.stop();
  },
});

async function configured(args: Record<string, unknown>): Promise<TestAgent> {
  const agent = startAgent();
  await agent.ask("configure", {
    me: A,
    stateDir,
    forwards: [],
    others: [],
    hostnameMap: {},
    ...args,
  });
  return agent;
}

async function stopped(agent: TestAgent): Promise<void> {
  await agent.end();
  await agent.finished;
}

Deno.test({
  name: "status tells which listeners are up, and the agent runs on without the others",
  ignore: !linux,
  async fn() {
    const holder = Deno.listen({ hostname: B, port: 8081 });
    const others = [8080, 8081].map((port) => ({ ip: B, port, proto: "tcp" }));
    const agent = await configured({ others });
    const { data } = await agent.ask("status");
    const { listeners } = data as {
      listeners: { address: string; error?: { code: string } }[];
    };
    assert.deepEqual(
      listeners.map(({ address, error }) => [address, error?.code]),
      [[`${B}:8080`, undefined], [`${B}:8081`, "EADDRINUSE"]],
    );
    await stopped(agent);
    assert.deepEqual(agent.log, [], "what status told is not told again");
    holder.close();
  },
});

Deno.test("it answers configure with features and version, ping with nothing", async () => {
  const agent = startAgent();
  const args = { me: A, stateDir, forwards: [], others: [], hostnameMap: {} };
  const { data, error } = await agent.ask("configure", args);
  assert.equal(error, undefined);
  assert.deepEqual(data, {
    features: FEATURES,
    version: "test",
  });
  assert.deepEqual(await agent.ask("ping"), { request_id: 2, op: "ping" });
  await stopped(agent);
});

Deno.test("a wrong configuration is answered with an error that names the value", async () => {
  const agent = startAgent();
  const { error } = await agent.ask("configure", { me: "127.0.42", forwards: [] });
  assert.match(String(error), /127\.0\.42/);
  const again = await agent.ask("configure", {
    me: A,
    stateDir,
    forwards: [],
    others: [],
  });
  assert.equal(again.error, undefined, "a right one is still taken");
  assert.match(String((await agent.ask("configure", { me: A })).error), /already/);
  assert.match(String((await agent.ask("dance")).error), /dance/);
  await stopped(agent);
});

Deno.test("a configuration larger than any packet is read whole", async () => {
  const hostnameMap = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, i) => [`host-${i}.example`, "127.0.42.7"]),
  );
  const agent = await configured({ hostnameMap });
  assert.equal((await agent.ask("ping")).op, "ping");
  await stopped(agent);
});

Deno.test("bytes that are no frames end the agent with a message that shows them", async () => {
  const agent = await configured({});
  await agent.send(new TextEncoder().encode("Last login: today on tty1"));
  await assert.rejects(agent.finished, /Not a frame: .*Last login/);
});

Deno.test("short, long and unknown frames are skipped", async () => {
  const agent = await configured({});
  for (const length of [0, 1, 19, 20, 65_535, 65_536, 70_000, 400_000]) {
    await agent.send(encodeFrame(FrameType.L3, new Uint8Array(length)).bytes);
    await agent.send(encodeFrame(77, new Uint8Array(length)).bytes);
    assert.equal((await agent.ask("ping")).op, "ping", `after frames of ${length} bytes`);
  }
  await stopped(agent);
});

Deno.test("frames are found wherever the reads happen to cut them", async () => {
  const agent = await configured({});
  const body = { id: 99, op: "ping" };
  const ping = encodeControl({ type: "request", body }).bytes;
  const packet = encodeFrame(FrameType.L3, new Uint8Array(40)).bytes;
  const run = new Uint8Array([...packet, ...ping, ...packet]);
  for (let cut = 1; cut < run.length; cut++) {
    await agent.send(run.slice(0, cut));
    await agent.send(run.slice(cut));
  }
  assert.equal((await agent.ask("ping")).op, "ping");
  await stopped(agent);
});

Deno.test("messages of a manager that make no sense are told, but not each of thousands", async () => {
  const agent = startAgent();
  const frame = (text: string) =>
    encodeFrame(FrameType.JSON, new TextEncoder().encode(text));
  const deep = frame(`{"type":"event","body":{"type":"x","data":${"[".repeat(200_000)}`);
  await agent.send(deep.bytes);
  for (let i = 0; i < 2000; i++) await agent.send(frame('{"type":"nonsense"}').bytes);
  // It goes on all the same.
  assert.match(String((await agent.ask("status")).data), /object/);
  assert.match(
    agent.log[0]!,
    /lists and objects lie more than 32 deep within each other/,
  );
  assert.equal(agent.log.length, 12);
  assert.match(agent.log.at(-1)!, /makes no sense \(the 1000th\): /);
  await agent.end();
  await agent.finished;
});

Deno.test("an agent acknowledges what it takes after the first credit, and not before", async () => {
  const agent = startAgent();
  const args = { me: A, stateDir, forwards: [], others: [], hostnameMap: {} };
  const { data } = await agent.ask("configure", args);
  assert.ok((data as { features: string[] }).features.includes("credit"));
  await agent.ask("ping");
  assert.equal(agent.credits.length, 0);
  await agent.send(encodeCredit({ taken: 0, every: 4096 }).bytes);
  // Answers go before credits.
  for (let asked = 0; agent.credits.length === 0 && asked < 100; asked++) {
    await agent.ask("ping");
  }
  assert.ok(agent.credits[0]!.taken > 0, "it counts from the start of the link");
  // Nonsense ends nothing.
  await agent.send(encodeFrame(FrameType.CREDIT, new Uint8Array(5)).bytes);
  await agent.send(encodeCredit({ taken: 2 ** 50, every: 0 }).bytes);
  await agent.ask("ping");
  await stopped(agent);
});
