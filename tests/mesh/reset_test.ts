/**
 * A reset stays a reset: nobody may take half an answer for a whole one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Process, run } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

const paths = [
  { title: "from the manager's host", from: "local", to: "web" },
  { title: "towards the manager's host", from: "web", to: "local" },
  { title: "between two hosts", from: "db", to: "web" },
] as const;

e2e("a server's reset reaches the client as a reset", async (scene) => {
  const ports = ["9000:127.0.0.1:9000"];
  const { hosts } = await scene.mesh({ local: { ports }, web: { ports }, db: {} });
  for (const name of ["local", "web"] as const) {
    await scene.server(hosts[name].namespace, "reset", 9000);
  }
  for (const { title, from, to } of paths) {
    const client = scene.client(hosts[from].namespace, "dial", hosts[to].vip, 9000, "x");
    assert.equal((await client.report("done")).ending, "reset", title);
  }
});

e2e("what a server says before its reset arrives, as without a mesh", async (scene) => {
  const ports = ["9000:127.0.0.1:9000"];
  const { hosts } = await scene.mesh({ local: { ports }, web: { ports }, db: {} });
  for (const name of ["local", "web"] as const) {
    await scene.server(hosts[name].namespace, "last-words", 9000);
  }
  for (const { title, from, to } of paths) {
    const { namespace } = hosts[from];
    const client = scene.client(namespace, "hear", hosts[to].vip, 9000, 150);
    assert.deepEqual((await client.report("done")).heard, { "busy, reset": 150 }, title);
  }
});

/**
 * Sends so many bytes to each client that speaks, waits until all are acknowledged, and resets,
 * by itself or because a byte is unread. (With a server that resets at once, Deno's connect fails, and with it the dial.)
 */
const RESETTING_SERVER = `
import fcntl, socket, struct, sys, termios, time
s = socket.create_server(("127.0.0.1", 9000), backlog=100)
print("listening", flush=True)
while True:
    c, _ = s.accept()
    c.recv(1)
    c.sendall(bytes(int(sys.argv[1])))
    while struct.unpack("i", fcntl.ioctl(c, termios.TIOCOUTQ, bytes(4)))[0]: time.sleep(0.001)
    if sys.argv[2] == "a reset": c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
`;
/** Reads from a server, again and again; tells how many bytes came, and how each ended. */
const COUNTING_CLIENT = `
import collections, socket, sys
seen = collections.Counter()
for _ in range(int(sys.argv[3])):
    c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    c.sendall(b"xx")
    got, end = 0, "end"
    try:
        while part := c.recv(65536): got += len(part)
    except ConnectionResetError: end = "reset"
    seen[f"{got} {end}"] += 1
    c.close()
print(dict(seen))
`;

const LAST_BYTES = [
  ...[1, 65_536, 300_000, 1_000_000].map((bytes) => [bytes, "a reset"] as const),
  [400_000, "a close that leaves bytes unread"],
] as const;

for (const [bytes, ending] of LAST_BYTES) {
  e2e(`${bytes} bytes before ${ending} arrive, as without a mesh`, async (scene) => {
    const ports = ["9000:127.0.0.1:9000"];
    const { hosts } = await scene.mesh({ local: { ports }, web: { ports }, db: {} });
    for (const name of ["local", "web"] as const) {
      const words = ["python3", "-u", "-c", RESETTING_SERVER, `${bytes}`, ending];
      const server = scene.start("server", words, { namespace: hosts[name].namespace });
      await server.line(/listening/);
    }
    const read = (from: "local" | "web" | "db", vip: string) =>
      run(["python3", "-c", COUNTING_CLIENT, vip, "9000", "5"], {
        namespace: hosts[from].namespace,
      });
    const wanted = `{'${bytes} reset': 5}`;
    assert.equal(await read("web", "127.0.0.1"), wanted, "without a mesh");
    for (const { title, from, to } of paths) {
      assert.equal(await read(from, hosts[to].vip), wanted, title);
    }
  }, { needs: ["python3"] });
}

/** Sends to each client without end, and tells what it sees first: its end, or a reset. */
const TALKING_SERVER = `
import select, socket, threading
s = socket.create_server(("127.0.0.1", 9000), backlog=100)
def serve(c):
    c.setblocking(False)
    ending = ""
    while not ending:
        can_read, can_write, _ = select.select([c], [c], [])
        try:
            if can_read and not c.recv(65536): ending = "end"
            elif can_write: c.send(bytes(65536))
        except BlockingIOError: pass
        except ConnectionResetError: ending = "reset"
        except BrokenPipeError: ending = "end, then a reset"
    print(f"ending: {ending}\\n", end="", flush=True)
print("listening", flush=True)
while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
`;
/** Waits for the server, sends, leaves what comes unread, and resets. */
const DEAF_CLIENT = `
import socket, struct, sys, time
for at in range(int(sys.argv[3])):
    c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    c.recv(1)
    c.sendall(bytes(2000000))
    time.sleep(0.0002 * (at % 5))
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
`;

e2e("a reset stays one while the other side is being written to", async (scene) => {
  const ports = ["9000:127.0.0.1:9000"];
  const { hosts } = await scene.mesh({ local: { ports }, web: { ports }, db: {} });
  const servers = {} as Record<"local" | "web", Process>;
  for (const name of ["local", "web"] as const) {
    const { namespace } = hosts[name];
    const words = ["python3", "-u", "-c", TALKING_SERVER];
    servers[name] = scene.start("server", words, { namespace });
    await servers[name].line(/listening/);
  }
  const times = 100;
  const plain = { title: "without a mesh", from: "web", to: "web" } as const;
  for (const { title, from, to } of [plain, ...paths]) {
    const { mark } = servers[to];
    const address = from === to ? "127.0.0.1" : hosts[to].vip;
    await run(["python3", "-c", DEAF_CLIENT, address, "9000", `${times}`], {
      namespace: hosts[from].namespace,
    });
    const endings = () => servers[to].since(mark).match(/(?<=ending: ).+/g) ?? [];
    await until("all to be over", () => endings().length === times);
    assert.deepEqual(endings(), Array(times).fill("reset"), title);
  }
}, { needs: ["python3"] });

e2e("a client's reset reaches the server as a reset", async (scene) => {
  const ports = ["9000:127.0.0.1:9000"];
  const { hosts } = await scene.mesh({ local: { ports }, web: { ports }, db: {} });
  const servers = {
    local: await scene.server(hosts.local.namespace, "echo", 9000),
    web: await scene.server(hosts.web.namespace, "echo", 9000),
  };
  const seen = { local: 0, web: 0 };
  for (const { title, from, to } of paths) {
    const client = scene.client(hosts[from].namespace, "send-reset", hosts[to].vip, 9000);
    await client.report("done");
    const connection = seen[to]++;
    const closed = await servers[to].report(
      "closed",
      (each) => each.connection === connection,
    );
    assert.equal(closed.ending, "reset", title);
  }
});

e2e(
  "clients that reset before they are accepted do not end the listener",
  async (scene) => {
    const { hosts: { local, web } } = await scene.mesh({
      local: {},
      web: { ports: ["9000:127.0.0.1:9000"] },
    });
    await scene.server(web.namespace, "echo", 9000);
    // Deno's accept throws NotConnected for a socket that was reset meanwhile.
    await scene.client(local.namespace, "slam", web.vip, 9000, 200).report("done");
    const client = scene.client(local.namespace, "many", web.vip, 9000, 1);
    assert.equal((await client.report("done")).right, 1);
  },
);
