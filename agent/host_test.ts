import assert from "node:assert/strict";
import { resolveOver } from "../proxy/dns/client.ts";
import { SocketStream } from "../proxy/edge/stream.ts";
import { until } from "../tests/harness/scene/wait.ts";
import type { ConfigureArgs } from "../wire/control/control.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { NAME_SERVER_PORT } from "../wire/ports.ts";
import { configurationOf } from "./configuration.ts";
import { startHost, type TestHost } from "./_host.ts";
import { startAgent } from "./_pair.ts";

const A = "127.0.43.210";
const B = "127.0.43.211";
const ignore = Deno.build.os !== "linux"; // other systems lack the loopback addresses
const proto = "tcp";

/** A server that sends back what it gets, behind a word of its own. */
class Echo implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<unknown>;

  constructor(word: string) {
    this.#serving = (async () => {
      const all = [];
      for await (const socket of this.#listener) {
        await socket.write(new TextEncoder().encode(word));
        all.push(socket.readable.pipeTo(socket.writable).catch(() => {}));
      }
      await Promise.all(all);
    })();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }
}

/** A connection of which a word was read. */
class Client implements Disposable {
  readonly #socket: Deno.TcpConn;

  private constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
  }

  static async open(hostname: string, port: number): Promise<Client> {
    return new Client(await Deno.connect({ hostname, port }));
  }

  async read(): Promise<string> {
    const buffer = new Uint8Array(4096);
    const got = await this.#socket.read(buffer);
    return new TextDecoder().decode(buffer.subarray(0, got ?? 0));
  }

  /** What comes back. */
  async echoed(text: string): Promise<string> {
    await this.#socket.write(new TextEncoder().encode(text));
    return await this.read();
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

function args(more: Partial<ConfigureArgs> = {}): ConfigureArgs {
  const stateDir = { disable: true };
  return { me: A, stateDir, forwards: [], others: [], hostnameMap: {}, ...more };
}

/** A host `A`, and the agent of `B`, which publishes these ports in the mesh alone. */
async function withHost(
  { first, published }: { first: ConfigureArgs; published: [number, number][] },
  use: (host: TestHost) => Promise<void>,
): Promise<void> {
  const peer = startAgent();
  const host = await startHost(first, peer);
  await peer.ask("configure", {
    ...args({ me: B, loopback: { disable: true } }),
    forwards: published.map(([listen_port, connect_port]) => {
      return { listen_port, connect_ip: "127.0.0.1", connect_port, proto };
    }),
  });
  try {
    await use(host);
  } finally {
    await host.stop();
    await peer.end();
    await peer.finished;
  }
}

/** The system closes a listener a moment later, and resets who comes just then. */
async function refuses(hostname: string, port: number): Promise<void> {
  await until(`${hostname}:${port} refuses`, async () => {
    try {
      (await Deno.connect({ hostname, port })).close();
      return false;
    } catch (error) {
      return error instanceof Deno.errors.ConnectionRefused;
    }
  });
}

/** What the name server of `A` tells a program of its machine. */
async function addressesOf(name: string): Promise<number[]> {
  const stream = new SocketStream(
    await Deno.connect({ hostname: A, port: NAME_SERVER_PORT }),
  );
  const { signal } = new AbortController();
  return (await resolveOver(stream, name, { signal, server: "the test's" })).addresses;
}

Deno.test({
  name:
    "another configuration closes, opens and renames, and leaves alone what is the same",
  ignore,
  async fn() {
    await using one = new Echo("one");
    await using two = new Echo("two");
    const nameServers = [{ ip: A, port: NAME_SERVER_PORT, proto }] as const;
    const other = (port: number) => ({ ip: B, port, proto }) as const;
    const first = args({
      others: [other(8080), other(8081)],
      hostnameMap: { old: B },
      nameServers: [...nameServers],
    });
    await withHost({
      first,
      published: [[8080, one.port], [8081, one.port], [8082, two.port]],
    }, async ({ host, warnings }) => {
      using through = await Client.open(B, 8080);
      assert.equal(await through.read(), "one");
      using throughRemoved = await Client.open(B, 8081);
      assert.equal(await throughRemoved.read(), "one");
      assert.deepEqual(await addressesOf("old"), [parseIpv4(B)]);
      await refuses(B, 8082);

      host.apply(configurationOf({
        ...first,
        others: [other(8080), other(8082)],
        hostnameMap: { new: B },
      }));

      assert.equal(await through.echoed("still"), "still", "its port did not change");
      assert.equal(await throughRemoved.echoed("open"), "open", "its port is gone");
      await refuses(B, 8081);
      using added = await Client.open(B, 8082);
      assert.equal(await added.read(), "two");
      assert.deepEqual(await addressesOf("new"), [parseIpv4(B)]);
      assert.deepEqual(
        host.statuses.map(({ address, kind }) => `${kind} ${address}`),
        [`loopback ${B}:8080`, `loopback ${B}:8082`, `dns ${A}:${NAME_SERVER_PORT}`],
      );
      assert.deepEqual(warnings, []);
    });
  },
});

Deno.test({
  name:
    "who publishes the port of the name servers has no name server, and no listener fails",
  ignore,
  async fn() {
    await using one = new Echo("one");
    await using two = new Echo("two");
    const nameServers = [A, B].map((
      ip,
    ) => ({ ip, port: NAME_SERVER_PORT, proto } as const));
    const own = {
      listen_port: NAME_SERVER_PORT,
      connect_ip: "127.0.0.1",
      connect_port: one.port,
      proto,
    } as const;
    const first = args({
      forwards: [own],
      others: [{ ip: B, port: NAME_SERVER_PORT, proto }],
      hostnameMap: { far: B },
      nameServers,
    });
    const published: [number, number][] = [[NAME_SERVER_PORT, two.port]];
    await withHost({ first, published }, async ({ host }) => {
      const statuses = () =>
        host.statuses.map(({ address, kind, error }) =>
          `${kind} ${address} ${error?.code}`
        );
      assert.deepEqual(statuses(), [
        `loopback ${A}:${NAME_SERVER_PORT} undefined`,
        `loopback ${B}:${NAME_SERVER_PORT} undefined`,
      ]);
      using own = await Client.open(A, NAME_SERVER_PORT);
      assert.equal(await own.read(), "one");
      using other = await Client.open(B, NAME_SERVER_PORT);
      assert.equal(await other.read(), "two");

      host.apply(configurationOf({ ...first, forwards: [] }));
      assert.deepEqual(await addressesOf("far"), [parseIpv4(B)], "its server is back");
      assert.deepEqual(statuses(), [
        `loopback ${B}:${NAME_SERVER_PORT} undefined`,
        `dns ${A}:${NAME_SERVER_PORT} undefined`,
      ]);
    });
  },
});

Deno.test({
  name: "a published port that leads elsewhere does so for the next connection",
  ignore,
  async fn() {
    await using one = new Echo("one");
    await using two = new Echo("two");
    const forward = (connect_port: number) => [
      { listen_port: 8080, connect_ip: "127.0.0.1", connect_port, proto } as const,
    ];
    const first = args({ forwards: forward(one.port) });
    await withHost({ first, published: [] }, async ({ host }) => {
      using before = await Client.open(A, 8080);
      assert.equal(await before.read(), "one");
      host.apply(configurationOf({ ...first, forwards: forward(two.port) }));
      using after = await Client.open(A, 8080);
      assert.equal(await after.read(), "two");
      assert.equal(await before.echoed("x"), "x");
    });
  },
});

Deno.test({
  name: "a proxy asks for the password of now, and one that is wanted no more is gone",
  ignore,
  async fn() {
    const listen = `${A}:18080`;
    const status = async (credentials?: string) => {
      using client = await Client.open(A, 18080);
      const auth = credentials
        ? `Proxy-Authorization: Basic ${btoa(credentials)}\r\n`
        : "";
      return (await client.echoed(
        `CONNECT ${B}:1 HTTP/1.1\r\nHost: ${B}:1\r\n${auth}\r\n`,
      )).split("\r\n")[0]!.split(" ")[1];
    };
    const first = args({ http: { listen } });
    await withHost({ first, published: [] }, async ({ host }) => {
      assert.equal(await status(), "502", "nothing is published at the port");
      const auth = { username: "me", password: "open sesame" };
      host.apply(configurationOf(args(), { http: { listen, auth } }));
      assert.equal(await status(), "407");
      assert.equal(await status("me:open sesame"), "502");
      host.apply(configurationOf(args()));
      await refuses(A, 18080);
    });
  },
});

Deno.test({
  name: "a client of a proxy reaches what has a name, a port and a publisher now",
  ignore,
  async fn() {
    await using one = new Echo("one");
    const http = { listen: `${A}:18080` };
    const answer = async (authority: string) => {
      using client = await Client.open(A, 18080);
      return await client.echoed(
        `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`,
      );
    };
    const first = args({ http, hostnameMap: { old: B } });
    await withHost({ first, published: [[8080, one.port]] }, async ({ host }) => {
      assert.match(await answer("old:1"), /old does not publish 1; it publishes no port/);
      const forwards = [
        {
          listen_port: 81,
          connect_ip: "127.0.0.1",
          connect_port: one.port,
          proto,
        } as const,
      ];
      const others = [{ ip: B, port: 8080, proto } as const];
      const loopback = { disable: true };
      const names = { new: B, me: A };
      host.apply(
        configurationOf({ ...first, hostnameMap: names, others, forwards, loopback }),
      );
      assert.match(await answer("new:8080"), /^HTTP\/1\.1 200 /);
      assert.match(await answer("me:81"), /^HTTP\/1\.1 200 /);
      assert.match(await answer("new:1"), /new does not publish 1; it publishes 8080/);
    });
  },
});

Deno.test({
  name: "a listener whose address another one of the same host had is up at once",
  ignore,
  async fn() {
    // Every address at first, then one of them: the two cannot be there together.
    const first = args({ http: { listen: "0.0.0.0:18080" } });
    await withHost({ first, published: [] }, async ({ host, up }) => {
      host.apply(configurationOf(args({ socks: { listen: `${A}:18080` } })));
      const started = performance.now();
      await until("it listens", () => host.statuses.every(({ error }) => !error));
      assert.ok(performance.now() - started < 900, "long before it would be tried again");
      assert.deepEqual(host.statuses.map(({ kind }) => kind), ["socks"]);
      assert.ok(up.length <= 1);
    });
  },
});

Deno.test({
  name: "the names of the system's files are replaced, and the folder is written anew",
  ignore,
  async fn() {
    const path = await Deno.makeTempDir();
    const first = args({ stateDir: { path }, hostnameMap: { old: B } });
    const hosts = () => {
      try {
        return Deno.readTextFileSync(`${path}/hosts`);
      } catch {
        return "";
      }
    };
    await withHost({ first, published: [] }, async ({ host }) => {
      await until("the names are there", () => hosts().includes(`${B} old`));
      host.apply(configurationOf({ ...first, hostnameMap: { new: B } }));
      await until("the new names are there", () => hosts().includes(`${B} new`));
      assert.ok(!hosts().includes(" old"));
    });
    await Deno.remove(path, { recursive: true });
  },
});

Deno.test({
  name: "a configuration with another VIP is refused, and the first one stays",
  ignore,
  async fn() {
    const first = args({ http: { listen: `${A}:18080` } });
    await withHost({ first, published: [] }, async ({ host }) => {
      assert.throws(
        () => host.apply(configurationOf(args({ me: B }))),
        /VIP of a host cannot change, from 127\.0\.43\.210 to 127\.0\.43\.211/,
      );
      using client = await Client.open(A, 18080);
      assert.match(await client.echoed("BREW / HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /);
    });
  },
});
