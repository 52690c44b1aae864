import assert from "node:assert/strict";
import net from "node:net";
import { hasPython } from "./_python.ts";
import { canReset } from "./reset.ts";
import { type SocketCalls, SocketSearch } from "./socket_search.ts";

const ignore = !canReset(); // elsewhere the kernel sends FIN

/** The C library's calls, counted. */
class CountedCalls implements Disposable {
  count = 0;
  readonly calls: SocketCalls;
  readonly #libc = Deno.dlopen("libc.so.6", {
    getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
    connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  });

  constructor() {
    const { getsockname, getpeername, getsockopt, connect } = this.#libc.symbols;
    const counted = <Args extends unknown[]>(call: (...args: Args) => number) =>
    (
      ...args: Args
    ) => {
      this.count++;
      return call(...args);
    };
    this.calls = {
      getsockname: counted(getsockname),
      getpeername: counted(getpeername),
      getsockopt: counted(getsockopt),
      connect: counted(connect),
    };
  }

  [Symbol.dispose](): void {
    this.#libc.close();
  }
}

/** Descriptors of this process are below. */
function descriptorLimit(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/^FDSize:\s*(\d+)/m.exec(status)![1]);
}

/** Resets `connections`, and says how many calls and rests it took. */
function reset(
  search: SocketSearch,
  connections: Deno.TcpConn[],
): { calls: number; rests: number } {
  using counted = new CountedCalls();
  const rests = [...search.reset(counted.calls, connections, descriptorLimit())].length;
  return { calls: counted.count, rests };
}

/** Both ends of a connection, this process's last. */
interface Pair {
  readonly client: Deno.TcpConn;
  readonly server: Deno.TcpConn;
}

class Pairs implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly open: Pair[] = [];

  async add(count: number): Promise<Pair[]> {
    const added: Pair[] = [];
    for (let i = 0; i < count; i++) {
      const [server, client] = await Promise.all([
        this.#listener.accept(),
        Deno.connect({ hostname: "127.0.0.1", port: this.#listener.addr.port }),
      ]);
      added.push({ client, server });
    }
    this.open.push(...added);
    return added;
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const { client, server } of this.open) {
      for (const each of [client, server]) closed(each);
    }
  }
}

function closed(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // The search closed it.
  }
}

async function isReset({ client }: Pair): Promise<boolean> {
  try {
    await client.read(new Uint8Array(1));
    return false;
  } catch (error) {
    return error instanceof Deno.errors.ConnectionReset;
  }
}

async function isAlive({ client, server }: Pair): Promise<boolean> {
  const byte = new Uint8Array(1);
  await client.write(Uint8Array.of(7));
  return await server.read(byte) === 1 && byte[0] === 7;
}

Deno.test({
  name: "a connection that a search has met costs the same among thousands",
  ignore,
  async fn() {
    using pairs = new Pairs();
    const search = new SocketSearch();
    const few = await pairs.add(40);
    reset(search, [few[39]!.server]);
    const { calls } = reset(search, [few[0]!.server]);
    assert.ok(calls > 0 && calls <= 3, `${calls} calls`);
    const [last] = (await pairs.add(1900)).slice(-1);
    reset(search, [last!.server]); // meets all the others
    for (const pair of pairs.open.slice(1, 30)) {
      assert.equal(reset(search, [pair.server]).calls, calls);
      assert.ok(await isReset(pair));
    }
    assert.ok(await isAlive(pairs.open[38]!));
  },
});

Deno.test({
  name: "a new connection is found without a look at those that are known",
  ignore,
  async fn() {
    using pairs = new Pairs();
    const search = new SocketSearch();
    const known = await pairs.add(1500);
    reset(search, [known.pop()!.server]);
    for (let round = 0; round < 20; round++) {
      const [pair] = await pairs.add(1);
      const { calls } = reset(search, [pair!.server]);
      // Whatever descriptors are no connections, and the new one.
      assert.ok(calls < 1500, `${calls} calls`);
      assert.ok(await isReset(pair!));
      pair!.client.close();
    }
    assert.ok(await isAlive(known[0]!));
  },
});

Deno.test({
  name: "many at once cost one search, which rests every now and then",
  ignore,
  async fn() {
    using pairs = new Pairs();
    const all = await pairs.add(1000);
    const { calls, rests } = reset(new SocketSearch(), all.map(({ server }) => server));
    // Two for each descriptor and three for each reset; not a search for each.
    assert.ok(calls <= 2 * descriptorLimit() + 3 * all.length, `${calls} calls`);
    assert.ok(rests > 20, `${rests} rests`);
    for (const pair of all) assert.ok(await isReset(pair));
  },
});

Deno.test({
  name: "who has the ports of one that left is let alone",
  ignore: ignore || !hasPython(),
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const search = new SocketSearch();
    using counted = new CountedCalls();
    const { port } = listener.addr;
    // Only a system call of its own can ask for the same port of the client again. It leaves
    // with a reset when its input ends, and then prints what came if it was to wait for it.
    const connectFrom = (from: number, wait = false) =>
      new Deno.Command("python3", {
        args: [
          "-c",
          `import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
s.bind(("127.0.0.1", ${from}))
s.connect(("127.0.0.1", ${port}))
${wait ? "print(s.recv(9))" : ""}
sys.stdin.buffer.read(1)
s.close()`,
        ],
        stdin: "piped",
        stdout: "piped",
      }).spawn();

    const first = connectFrom(0);
    const old = await listener.accept();
    const from = old.remoteAddr.port;
    await first.stdin.close(); // leaves with a reset
    await first.output();
    const second = connectFrom(from, true);
    const young = await listener.accept();
    assert.equal(young.remoteAddr.port, from, "the same pair of ports");

    for (const _ of search.reset(counted.calls, [old], descriptorLimit())) { /* on */ }
    await young.write(new TextEncoder().encode("alive"));
    await second.stdin.close();
    const { stdout } = await second.output();
    assert.equal(new TextDecoder().decode(stdout), "b'alive'\n");
    young.close();
    assert.throws(() => old.close(), "the old one was closed");
  },
});

Deno.test({
  name: "a descriptor that another connection has got since is looked at anew",
  ignore,
  async fn() {
    using pairs = new Pairs();
    const search = new SocketSearch();
    const first = await pairs.add(100);
    reset(search, [first[99]!.server]);
    for (const { client, server } of first.slice(0, 99)) {
      client.close();
      server.close();
    }
    const second = await pairs.add(100); // in the same descriptors
    reset(search, second.slice(0, 50).map(({ server }) => server));
    for (const pair of second.slice(0, 50)) assert.ok(await isReset(pair));
    for (const pair of second.slice(50)) assert.ok(await isAlive(pair));
  },
});

Deno.test({
  name: "one that is closed while it is looked for harms nobody",
  ignore,
  async fn() {
    using pairs = new Pairs();
    using counted = new CountedCalls();
    const all = await pairs.add(200);
    const [victim, other] = all.slice(-2);
    const connections = [victim!.server, other!.server];
    const work = new SocketSearch().reset(counted.calls, connections, descriptorLimit());
    work.next();
    victim!.server.close();
    const [newcomer] = await pairs.add(1); // in its descriptor
    while (!work.next().done);
    assert.ok(await isReset(other!));
    assert.ok(await isAlive(newcomer!));
    assert.ok(await isAlive(all[0]!));
  },
});

Deno.test({
  name: "of two stuck in a write with the same ports, the right one is reset",
  ignore,
  async fn() {
    using counted = new CountedCalls();
    const addresses = ["127.0.0.2", "127.0.0.3"];
    const listeners = addresses.map((hostname) => Deno.listen({ hostname, port: 0 }));
    const { port } = listeners[0]!.addr;
    listeners[1]!.close();
    listeners[1] = Deno.listen({ hostname: addresses[1]!, port });
    const clients: net.Socket[] = [];
    const servers: Deno.TcpConn[] = [];
    let localPort = 0;
    for (const [i, host] of addresses.entries()) {
      const accepted = listeners[i]!.accept();
      const client = net.connect({ host, port, localPort, localAddress: "127.0.0.1" });
      servers.push(await accepted);
      await new Promise((resolve) => client.once("connect", resolve));
      localPort = client.localPort!;
      clients.push(client.pause());
    }
    const writings = servers.map((server) =>
      assert.rejects(async () => {
        for (;;) await server.write(new Uint8Array(1 << 20));
      })
    );
    await new Promise((resolve) => setTimeout(resolve, 200));

    const endings = clients.map((client) =>
      new Promise<string>((resolve) => {
        client.on("error", (error: NodeJS.ErrnoException) => resolve(error.code!));
        client.on("end", () => resolve("end"));
      })
    );
    const search = new SocketSearch();
    for (
      const _ of search.reset(counted.calls, [servers[1]!], descriptorLimit())
    ) { /* on */ }
    clients[1]!.resume();
    assert.equal(await endings[1], "ECONNRESET");
    await writings[1];

    servers[0]!.close();
    clients[0]!.resume();
    assert.equal(await endings[0], "end");
    await writings[0];
    for (const each of [...listeners, ...clients]) {
      if (each instanceof net.Socket) each.destroy();
      else each.close();
    }
  },
});
