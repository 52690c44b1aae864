import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { ProxyScene } from "../_proxy_scene.ts";
import { Origin } from "../http/_fake_http.ts";
import type { HttpPeer } from "../http/_fake_http_peer.ts";
import { dial, DialError, type DialFailure } from "../edge/dial.ts";
import { canReset } from "../edge/reset.ts";
import { SocksProxy, type SocksProxyOptions } from "./proxy.ts";
import { SocketStream } from "../edge/stream.ts";

const broken = canReset() ? "reset" : "clean";

/** A proxy that dials loopback directly, and its clients. */
class Scene extends ProxyScene {
  constructor(options: Partial<SocksProxyOptions> = {}) {
    const connect = async (host: string, port: number, signal?: AbortSignal) =>
      new SocketStream(await dial(host, port, signal));
    super((signal) => new SocksProxy({ connector: { connect }, signal, ...options }));
  }
}

function chars(...bytes: number[]): string {
  return String.fromCharCode(...bytes);
}

/** SOCKS 5 without a password, by name. */
function socks5(name: string, port: number): string {
  return chars(5, 1, 0) + chars(5, 1, 0, 3, name.length) + name +
    chars(port >> 8, port & 255);
}

/** SOCKS 4a. */
function socks4a(name: string, port: number): string {
  return chars(4, 1, port >> 8, port & 255, 0, 0, 0, 1) + `user\0${name}\0`;
}

const OK_5 = chars(5, 0) + chars(5, 0, 0, 1, 0, 0, 0, 0, 0, 0);
const OK_4 = chars(0, 90, 0, 0, 0, 0, 0, 0);

/** Sends back all until the end. */
const echo = async (peer: HttpPeer) => {
  await peer.send(`<${await peer.rest()}>`);
};

for (
  const [version, request, granted] of [
    ["5", socks5, OK_5],
    ["4a", socks4a, OK_4],
  ] as const
) {
  Deno.test(`SOCKS ${version} carries what was sent ahead, and half-closes`, async () => {
    await using origin = new Origin(echo);
    await using scene = new Scene();
    const client = await scene.client();
    await client.send(`${request("localhost", origin.port)}early`);
    assert.equal(await client.take(granted.length), granted);
    await client.send(" late");
    await client.closeWrite();
    assert.equal(await client.rest(), "<early late>");
    assert.equal(client.end, "clean");
    await until("nobody is served", () => scene.serving === 0);
  });
}

Deno.test("why a target cannot be reached is told by its code, and then the end", async () => {
  const codes: [DialFailure, number][] = [
    ["failed", 1],
    ["prohibited", 2],
    ["forbidden", 2],
    ["network-unreachable", 3],
    ["host-unreachable", 4],
    ["host-unknown", 4],
    ["refused", 5],
    ["timed-out", 6],
  ];
  for (const [failure, code] of codes) {
    const connector = {
      connect: () => Promise.reject(new DialError(failure, "x:1")),
    };
    await using scene = new Scene({ connector });
    const five = await scene.client();
    await five.send(`${socks5("x", 1)}early`);
    assert.equal(
      await five.rest(),
      chars(5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0),
      failure,
    );
    assert.equal(five.end, "clean");
    five.close();
    const four = await scene.client();
    await four.send(socks4a("x", 1));
    assert.equal(await four.rest(), chars(0, 91, 0, 0, 0, 0, 0, 0), failure);
    four.close();
  }
});

Deno.test("a real refusal is told as one", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(socks5("127.0.0.1", port));
  assert.equal((await client.rest()).charCodeAt(3), 5);
});

Deno.test("a wrong password is told, and nobody is dialled", async () => {
  let connects = 0;
  const connector = { connect: () => Promise.reject(new Error(`${++connects}`)) };
  await using scene = new Scene({ connector, auth: { username: "ann", password: "pw" } });
  const none = await scene.client();
  await none.send(socks5("x", 1));
  assert.equal(await none.rest(), chars(5, 255));
  const wrong = await scene.client();
  await wrong.send(chars(5, 1, 2) + chars(1, 3) + "ann" + chars(2) + "no");
  assert.equal(await wrong.rest(), chars(5, 2, 1, 1));
  assert.equal(wrong.end, "clean");
  assert.equal(connects, 0);
});

Deno.test("a client that does not say what it wants is given up at the limit", async () => {
  await using scene = new Scene({ handshakeLimitMs: 200 });
  for (const start of ["", chars(5), chars(5, 1, 0), chars(4, 1, 0, 80, 0, 0, 0, 1)]) {
    const client = await scene.client();
    if (start) await client.send(start);
    const from = performance.now();
    await client.rest();
    assert.equal(client.end, broken);
    assert.ok(performance.now() - from < 3000);
  }
  await until("nobody is served", () => scene.serving === 0);
});

Deno.test("the limit does not run while the target is dialled", async () => {
  await using origin = new Origin(echo);
  const connector = {
    connect: async (host: string, port: number) => {
      await new Promise((resolve) => setTimeout(resolve, 400));
      return new SocketStream(await dial(host, port));
    },
  };
  await using scene = new Scene({ connector, handshakeLimitMs: 200 });
  const client = await scene.client();
  await client.send(socks5("127.0.0.1", origin.port));
  assert.equal(await client.take(OK_5.length), OK_5);
});

Deno.test("an end of the proxy ends clients at every stage", async () => {
  await using origin = new Origin(echo);
  let connecting = 0;
  const connector = {
    connect: async (host: string, port: number, signal?: AbortSignal) => {
      if (host === "localhost") return new SocketStream(await dial(host, port));
      connecting++;
      return await new Promise<never>((_, reject) => {
        signal!.addEventListener("abort", () => reject(signal!.reason));
      });
    },
  };
  await using scene = new Scene({ connector });
  const starts = [
    "",
    chars(5, 1, 0),
    socks5("never", 1),
    socks5("localhost", origin.port),
  ];
  const clients = [];
  for (const start of starts) {
    const client = await scene.client();
    if (start) await client.send(start);
    clients.push(client);
  }
  await clients[3]!.take(OK_5.length);
  await until("the one that connects", () => connecting === 1 && scene.serving === 4);
  await scene.end();
  for (const client of clients) {
    await client.rest();
    assert.equal(client.end, broken);
  }
  await until("the origin's end", () => origin.peers[0]!.end);
});

Deno.test("a client that leaves while its target is dialled leaves nothing behind", async () => {
  await using origin = new Origin(async (peer) => void await peer.rest());
  const gone = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const connector = {
    connect: async (host: string, port: number) => {
      asked.resolve();
      await gone.promise;
      return new SocketStream(await dial(host, port));
    },
  };
  await using scene = new Scene({ connector });
  const client = await scene.client();
  await client.send(socks5("127.0.0.1", origin.port));
  await asked.promise;
  client.reset();
  await Promise.resolve();
  gone.resolve();
  await until("the origin's end", () => origin.peers[0]?.end);
  await until("nobody is served", () => scene.serving === 0);
});

for (const how of ["close", "reset"] as const) {
  Deno.test(`after a ${how} by the client nobody dials on`, async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    const connector = {
      connect: (_: string, __: number, signal?: AbortSignal) => {
        asked.resolve(signal!);
        return new Promise<never>((_, reject) => {
          signal!.addEventListener("abort", () => reject(signal!.reason));
        });
      },
    };
    await using scene = new Scene({ connector });
    const client = await scene.client();
    await client.send(socks5("a.test", 1));
    const signal = await asked.promise;
    client[how]();
    await until("the end of the dial", () => signal.aborted);
    await until("nobody is served", () => scene.serving === 0);
  });
}

Deno.test("what is sent while the target is dialled comes first, and in order", async () => {
  await using origin = new Origin(echo);
  const asked = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  const connector = {
    connect: async (host: string, port: number) => {
      asked.resolve();
      await sent.promise;
      return new SocketStream(await dial(host, port));
    },
  };
  await using scene = new Scene({ connector });
  const client = await scene.client();
  await client.send(socks5("127.0.0.1", origin.port) + "one ");
  await asked.promise;
  const long = Array.from({ length: 30_000 }, (_, at) => `${at},`).join("");
  await client.send(`two ${long}`);
  sent.resolve();
  assert.equal(await client.take(OK_5.length), OK_5);
  await client.send("three");
  await client.closeWrite();
  assert.ok(await client.rest() === `<one two ${long}three>`);
});

Deno.test("a client of HTTP is told by a 400, and in a warning", async () => {
  const warnings: string[] = [];
  await using scene = new Scene({ warn: (message) => warnings.push(message) });
  for (
    const start of ["GET http://a.test/", "CONNECT a.test:443", "POST http://a.test/"]
  ) {
    const client = await scene.client();
    await client.send(`${start} HTTP/1.1\r\nHost: a.test\r\n\r\n${"x".repeat(100_000)}`);
    const { start: status, body } = await client.message();
    assert.equal(status, "HTTP/1.1 400 Bad Request");
    assert.match(body, /^This is a SOCKS proxy, and not one for HTTP: use socks5h:/);
    await client.closeWrite();
    await client.rest();
    assert.equal(client.end, "clean");
  }
  const told = "A client of the SOCKS proxy speaks HTTP, and this is the port for SOCKS";
  assert.deepEqual(warnings, [told, told, told]);
  const tls = await scene.client();
  await tls.send("\x16\x03\x01");
  await tls.rest();
  assert.match(warnings.at(-1)!, /speaks version 22 of SOCKS, neither 4 nor 5/);
});

Deno.test("of too many clients that say nothing the oldest is ended", async () => {
  await using origin = new Origin(echo);
  const told: string[] = [];
  await using scene = new Scene({ mostAwaited: 2, warn: (line) => told.push(line) });
  const served = await scene.client(); // does not count
  await served.send(socks5("127.0.0.1", origin.port));
  assert.equal(await served.take(OK_5.length), OK_5);
  const [oldest] = [await scene.client(), await scene.client()];
  await until("both to be served", () => scene.serving === 3);
  const newcomer = await scene.client();
  await oldest!.rest();
  assert.equal(oldest!.end, broken);
  await newcomer.send(socks5("127.0.0.1", origin.port));
  assert.equal(await newcomer.take(OK_5.length), OK_5);
  assert.deepEqual(told, [
    "2 clients of the SOCKS proxy have not said what they want: ended the oldest",
  ]);
  assert.equal(served.end, undefined);
});
