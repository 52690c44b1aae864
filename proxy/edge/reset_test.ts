import assert from "node:assert/strict";
import { hasPython } from "./_python.ts";
import { canReset, resetConnection } from "./reset.ts";

async function pair(hostname: string): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname, port: 0 });
  const [server, client] = await Promise.all([
    listener.accept(),
    Deno.connect({ hostname, port: listener.addr.port }),
  ]);
  return [server, client];
}

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test({
    name: `the other end sees a reset, over ${hostname}`,
    ignore: !canReset(), // elsewhere the kernel sends FIN
    async fn() {
      const [server, client] = await pair(hostname);
      const [kept, other] = await pair(hostname);
      const reading = client.read(new Uint8Array(1));
      resetConnection(server);
      await assert.rejects(reading, Deno.errors.ConnectionReset);
      client.close();
      await kept.write(new Uint8Array([7]));
      const byte = new Uint8Array(1);
      assert.equal(await other.read(byte), 1, "another connection is left alone");
      assert.equal(byte[0], 7);
      kept.close();
      other.close();
    },
  });
}

for (const hostname of ["127.0.0.1", "::1"]) {
  for (const isReading of [false, true]) {
    Deno.test({
      name: `a connection stuck in a write is reset, over ${hostname}` +
        (isReading ? ", in a read too" : ""),
      ignore: !canReset(),
      async fn() {
        const [server, client] = await pair(hostname);
        const reading = isReading
          ? assert.rejects(server.read(new Uint8Array(1)), Deno.errors.Interrupted)
          : undefined;
        let written = 0;
        const writing = assert.rejects(async () => {
          for (;;) written = written + await server.write(new Uint8Array(1 << 20));
        }, Deno.errors.Interrupted);
        for (let before = -1; before < written || written === 0;) {
          before = written;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        resetConnection(server);
        await Promise.all([reading, writing]);
        await assert.rejects(async () => {
          const buffer = new Uint8Array(1 << 20);
          while (await client.read(buffer) !== null);
        }, Deno.errors.ConnectionReset);
        client.close();
      },
    });
  }
}

Deno.test({
  name:
    "a write that the kernel has taken, and Deno does not know of yet, hides no reset",
  ignore: !canReset() || !hasPython(),
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    // Reads nothing at first, and then all, while this process stands still.
    const client = new Deno.Command("python3", {
      args: [
        "-c",
        `import socket, time
s = socket.create_connection(("127.0.0.1", ${listener.addr.port}))
time.sleep(0.5)
try:
    while s.recv(1 << 20): pass
    print("end")
except ConnectionResetError: print("reset")`,
      ],
      stdout: "piped",
    }).spawn();
    const server = await listener.accept();
    const writing = (async () => {
      for (;;) await server.write(new Uint8Array(1 << 20));
    })().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 200));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 800);
    resetConnection(server);
    await writing;
    const { stdout } = await client.output();
    assert.equal(new TextDecoder().decode(stdout), "reset\n");
  },
});

Deno.test({
  name: "many connections are reset in one turn, each of them",
  ignore: !canReset(),
  async fn() {
    const pairs = await Promise.all(Array.from({ length: 200 }, () => pair("127.0.0.1")));
    const readings = pairs.map(([, client]) => client.read(new Uint8Array(1)));
    for (const [server] of pairs) resetConnection(server);
    const outcomes = await Promise.allSettled(readings);
    for (const [i, outcome] of outcomes.entries()) {
      assert.ok(outcome.status === "rejected", `connection ${i} ended cleanly`);
      assert.ok(outcome.reason instanceof Deno.errors.ConnectionReset);
      pairs[i]![1].close();
    }
  },
});

Deno.test("a connection that was closed already is left alone", async () => {
  const [server, client] = await pair("127.0.0.1");
  server.close();
  resetConnection(server);
  await Promise.resolve();
  assert.equal(await client.read(new Uint8Array(1)), null);
  client.close();
});
