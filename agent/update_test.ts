import assert from "node:assert/strict";
import { until } from "../tests/harness/scene/wait.ts";
import type { ConfigureArgs, ExtendArgs } from "../wire/control/control.ts";
import { startAgent, type TestAgent } from "./_pair.ts";

const A = "127.0.43.220";
const B = "127.0.43.221";
const ignore = Deno.build.os !== "linux"; // other systems lack the loopback addresses
const proto = "tcp";
const EGRESS = "127.0.43.222:15432";

function args(more: Partial<ConfigureArgs> = {}): ConfigureArgs {
  const stateDir = { disable: true };
  return { me: A, stateDir, forwards: [], others: [], hostnameMap: { b: B }, ...more };
}

/** The agents of `A` and of `B`, which publishes two ports of an echo in the mesh alone. */
async function withAgents(
  first: ConfigureArgs,
  use: (a: TestAgent) => Promise<void>,
): Promise<void> {
  const [a, b] = [startAgent(), startAgent()];
  [a.peer, b.peer] = [b, a];
  const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const socket of server) {
      socket.readable.pipeTo(socket.writable).catch(() => {});
    }
  })();
  await a.ask("configure", first);
  await b.ask("configure", {
    ...args({ me: B, loopback: { disable: true } }),
    forwards: [8080, 8081].map((listen_port) => {
      const { port } = server.addr;
      return { listen_port, connect_ip: "127.0.0.1", connect_port: port, proto };
    }),
  });
  try {
    await use(a);
  } finally {
    await Promise.all([a.end(), b.end()]);
    await Promise.all([a.finished, b.finished]);
    server.close();
    await serving;
  }
}

async function update(
  agent: TestAgent,
  version: number,
  { configure = args(), extend }: { configure?: ConfigureArgs; extend?: ExtendArgs } = {},
) {
  const { data, error } = await agent.ask("update", { version, configure, extend });
  return error ?? data;
}

async function addresses(agent: TestAgent): Promise<string[]> {
  const { data } = await agent.ask("status");
  const { listeners } = data as { listeners: { address: string; kind: string }[] };
  return listeners.map(({ address, kind }) => `${kind} ${address}`);
}

/** A connection that sends without a pause, and compares what comes back. */
class Flood {
  received = 0;
  readonly whole: Promise<void>;
  readonly #end = new AbortController();

  private constructor(socket: Deno.TcpConn) {
    this.whole = this.#run(socket);
  }

  /** Has come through when this settles. */
  static async begin(hostname: string, port: number): Promise<Flood> {
    const flood = new Flood(await Deno.connect({ hostname, port }));
    await until("bytes", () => flood.received > 100_000);
    return flood;
  }

  /** Settles when all has come back. */
  async end(): Promise<void> {
    this.#end.abort();
    await this.whole;
  }

  async #run(socket: Deno.TcpConn): Promise<void> {
    const block = Uint8Array.from({ length: 65_536 }, (_, i) => i * 7);
    let sent = 0;
    const sending = (async () => {
      while (!this.#end.signal.aborted) {
        sent += await socket.write(block.subarray(sent % block.length));
      }
      await socket.closeWrite();
    })();
    for await (const chunk of socket.readable) {
      for (let i = 0; i < chunk.length; i += 97) {
        assert.equal(chunk[i], block[(this.received + i) % block.length]);
      }
      this.received += chunk.length;
    }
    await sending;
    assert.equal(this.received, sent);
  }
}

Deno.test({
  name: "connections with bytes under way go on while everything around them is updated",
  ignore,
  async fn() {
    const other = (port: number) => ({ ip: B, port, proto } as const);
    const configure = args({ others: [other(8080)] });
    await withAgents(configure, async (a) => {
      const flows = [await Flood.begin(B, 8080)];
      const egress = (connect_host: string) => {
        return { proto, listen: EGRESS, connect_host, connect_port: 8081 } as const;
      };
      const http = { listen: `${A}:18080` };
      const extend = { egress: [egress("b")] };
      assert.deepEqual(await update(a, 1, { configure, extend }), { version: 1 });
      flows.push(await Flood.begin("127.0.43.222", 15_432));
      // What both flows came through goes and comes.
      for (let version = 2; version < 30; version += 2) {
        assert.deepEqual(
          await update(a, version, {
            configure: args({ http, others: [other(8081)], hostnameMap: { c: B } }),
          }),
          { version },
        );
        assert.deepEqual(await addresses(a), [`loopback ${B}:8081`, `http ${A}:18080`]);
        await update(a, version + 1, { configure, extend });
        assert.deepEqual(await addresses(a), [
          `loopback ${B}:8080`,
          `egress ${EGRESS}`,
        ]);
      }
      await Promise.all(flows.map((flow) => flow.end()));
      assert.deepEqual(a.log, []);
    });
  },
});

Deno.test({
  name: "an update that cannot be changes nothing, and the next one counts",
  ignore,
  async fn() {
    const configure = args({ http: { listen: `${A}:18080` } });
    await withAgents(configure, async (a) => {
      assert.deepEqual(await update(a, 7, { configure }), { version: 7 });
      assert.match(
        String(await update(a, 6)),
        /Version 6 is older than 7, which is in force/,
      );
      assert.match(
        String(await update(a, 8, { configure: args({ me: B }) })),
        /VIP of a host cannot change, from 127\.0\.43\.220 to 127\.0\.43\.221/,
      );
      const resume = {
        id: "0123456789abcdef",
        secret: "0123456789abcdef0123456789abcdef",
        seconds: 60,
        mesh: "m",
        host: "h",
      };
      const wish = await update(a, 8, { configure: args({ resume }) });
      assert.match(String(wish), /Whether an agent outlives its link cannot change/);
      const { error } = await a.ask("update", { version: 8, configure: { me: "x" } });
      assert.match(String(error), /Expected an IPv4 address/);
      assert.deepEqual(await addresses(a), [`http ${A}:18080`]);
      assert.deepEqual(await update(a, 7), { version: 7 });
      assert.deepEqual(await addresses(a), []);
    });
  },
});

Deno.test("an agent that is not configured cannot be updated", async () => {
  const agent = startAgent();
  assert.match(String(await update(agent, 1)), /not configured yet/);
  await agent.end();
  await agent.finished;
});

Deno.test({
  name: "a host that was told down is left out at once, and tried again later",
  ignore,
  async fn() {
    const refused = {
      proto,
      listen: EGRESS,
      connect_host: "c",
      connect_port: 1,
    } as const;
    const configure = args({ hostnameMap: { b: B, c: "127.0.43.223" } });
    const extend = {
      egress: [refused, { ...refused, connect_host: "b", connect_port: 8080 }],
    };
    await withAgents(configure, async (a) => {
      await update(a, 1, { configure, extend });
      const { encodeControl } = await import("../wire/control/control.ts");
      const data = { ip: "127.0.43.223", ranges: [] };
      const body = { type: "hostDown", data };
      await a.send(encodeControl({ type: "event", body }).bytes);
      for (let i = 0; i < 4; i++) {
        using socket = await Deno.connect({ hostname: "127.0.43.222", port: 15_432 });
        await socket.write(new Uint8Array([i]));
        const got = new Uint8Array(1);
        // Nothing answers for the other host, so a dial there would hang.
        assert.equal(await socket.read(got), 1);
        assert.equal(got[0], i);
      }
    });
  },
});

Deno.test({
  name: "an address that was left for a moment is listened on again, and did not fail",
  ignore,
  async fn() {
    const configure = args({ http: { listen: `${A}:18080` } });
    await withAgents(configure, async (a) => {
      const asked: Promise<unknown>[] = [];
      for (let version = 1; version <= 40; version++) {
        const isThere = version % 2 === 0;
        asked.push(update(a, version, { configure: isThere ? configure : args() }));
        if (isThere) asked.push(a.ask("status"));
      }
      const statuses = (await Promise.all(asked)).filter((each) =>
        JSON.stringify(each).includes("listeners")
      );
      assert.equal(statuses.length, 20);
      assert.doesNotMatch(JSON.stringify(statuses), /EADDRINUSE/);
      await until("a listener", async () => {
        const socket = await Deno.connect({ hostname: A, port: 18_080 }).catch(() => {});
        socket?.close();
        return socket !== undefined;
      });
      assert.doesNotMatch(JSON.stringify(await a.ask("status")), /EADDRINUSE/);
    });
  },
});
