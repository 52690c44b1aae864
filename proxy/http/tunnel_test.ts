import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { answering, Origin, plain, Scene } from "./_fake_http.ts";
import type { HttpPeer } from "./_fake_http_peer.ts";
import { dial, DialError } from "../edge/dial.ts";
import { SocketStream } from "../edge/stream.ts";
import {
  auth,
  basic,
  close,
  echo,
  echoBytes,
  lineOf,
  requestTo,
  SWITCHING,
  UPGRADE,
} from "./_requests.ts";

Deno.test("CONNECT carries what was sent ahead, and each direction ends by itself", async () => {
  await using origin = new Origin(echoBytes);
  await using scene = new Scene();
  const client = await scene.client();
  const ahead = "early ".repeat(1000);
  await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\nHost: x\r\n\r\n${ahead}`);
  const answer = await client.message({ isBodiless: true });
  assert.match(answer.start, /^HTTP\/1.1 200 /);
  assert.deepEqual(answer.fields, []);
  await client.send("late");
  await client.closeWrite();
  assert.equal(await client.rest(), `${ahead}late`);
  assert.equal(client.end, "clean");
  await until("the tunnel is gone", () => scene.serving === 0);
});

Deno.test("a server that ends its direction of a tunnel can still be sent to", async () => {
  await using origin = new Origin(async (peer) => {
    await peer.send("220 hello");
    await peer.closeWrite();
    await peer.rest();
  });
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
  await client.message({ isBodiless: true });
  assert.equal(await client.rest(), "220 hello");
  await client.send("still here");
  await client.closeWrite();
  await until("the last bytes", () => origin.peers[0]!.end);
  assert.equal(origin.peers[0]!.got, "still here");
});

Deno.test("a reset goes through a tunnel", async () => {
  await using origin = new Origin(async (peer) => {
    if (await peer.take(1) === "r") peer.reset();
    await peer.rest().catch(() => {});
  });
  await using scene = new Scene();
  for (const byServer of [true, false]) {
    const client = await scene.client();
    await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
    await client.message({ isBodiless: true });
    await client.send(byServer ? "r" : "x");
    if (byServer) {
      await client.rest();
      assert.equal(client.end, close);
    } else {
      const peer = await origin.peer(1);
      client.reset();
      await until("the server's end", () => peer.end);
      assert.equal(peer.end, close);
    }
  }
});

Deno.test("a tunnel asked for behind an answer waits for it", async () => {
  await using origin = new Origin(echoBytes);
  await using web = new Origin(echo);
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(requestTo(web.authority));
  await client.message();
  await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\nhello`);
  assert.match((await client.message({ isBodiless: true })).start, / 200 /);
  assert.equal(await client.take(5), "hello");
});

Deno.test("an end of the proxy while a tunnel is being made ends the client", async () => {
  const asked = Promise.withResolvers<void>();
  const connector = {
    connect: (_: string, __: number, signal?: AbortSignal) => {
      asked.resolve();
      return new Promise<never>((_, reject) => {
        signal!.addEventListener("abort", () => reject(signal!.reason));
      });
    },
  };
  await using scene = new Scene({ connector });
  const clients = [await scene.client(), await scene.client(), await scene.client()];
  await clients[0]!.send("CONNECT a.test:1 HTTP/1.1\r\n\r\n");
  await clients[1]!.send(requestTo("a.test"));
  await clients[2]!.send(
    requestTo("a.test", { fields: "Connection: Upgrade\r\nUpgrade: x\r\n" }),
  );
  await asked.promise;
  await scene.end();
  for (const client of clients) {
    assert.equal(await client.rest(), "");
    assert.equal(client.end, close);
  }
});

Deno.test("a server that leaves before the first bytes is a broken tunnel, not an answer", async () => {
  await using origin = new Origin(async (peer) => void await peer.rest());
  const connector = {
    connect: async (host: string, port: number) => {
      const stream = new SocketStream(await dial(host, port));
      (await origin.peer()).reset();
      return stream;
    },
  };
  await using scene = new Scene({ connector });
  const client = await scene.client();
  await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\nearly`);
  assert.equal(await client.rest(), "HTTP/1.1 200 Connection established\r\n\r\n");
  assert.equal(client.end, close);
});

for (const [kind, fields] of [["CONNECT", ""], ["an upgrade", "upgrade"]] as const) {
  const request = (authority: string) =>
    fields
      ? requestTo(authority, { fields: UPGRADE })
      : `CONNECT ${authority} HTTP/1.1\r\n\r\n`;

  for (const how of ["close", "reset"] as const) {
    Deno.test(`after a ${how} by the client nobody dials on for ${kind}`, async () => {
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
      await client.send(request("a.test:1"));
      const signal = await asked.promise;
      client[how]();
      await until("the end of the dial", () => signal.aborted);
      await until("nobody is served", () => scene.serving === 0);
    });
  }

  Deno.test(`what is sent while ${kind} is dialled comes first, and in order`, async () => {
    await using origin = new Origin(async (peer) => {
      if (fields) await peer.message();
      if (fields) await peer.send(SWITCHING);
      await peer.send(await peer.rest());
    });
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
    await client.send(request(origin.authority) + "one ");
    await asked.promise;
    const long = Array.from({ length: 30_000 }, (_, at) => `${at},`).join("");
    await client.send(`two ${long}`);
    sent.resolve();
    await client.message({ isBodiless: true });
    await client.send("three");
    await client.closeWrite();
    assert.ok(await client.rest() === `one two ${long}three`);
    assert.equal(client.end, "clean");
  });
}

for (const [kind, status] of [["CONNECT", "200"], ["an upgrade", "101"]] as const) {
  /** Asks `authority` for a tunnel, behind which comes "early". */
  const tunnelTo = (authority: string) =>
    kind === "CONNECT"
      ? `CONNECT ${authority} HTTP/1.1\r\nHost: x\r\n\r\nearly`
      : requestTo(authority, { fields: UPGRADE }) + "early";
  /** Makes a tunnel, and sends back what comes through it. */
  const tunnelEnd = async (peer: HttpPeer) => {
    if (kind !== "CONNECT") await peer.message();
    if (kind !== "CONNECT") await peer.send(SWITCHING);
    await peer.send(await peer.take(5));
    await echoBytes(peer);
  };

  for (const isSlow of [false, true]) {
    const how = isSlow ? "while an answer is awaited" : "in one segment with requests";
    Deno.test(`${kind} that comes ${how} is served after the answers`, async () => {
      const mayAnswer = Promise.withResolvers<void>();
      await using web = new Origin(async (peer) => {
        for (let request = await peer.message();; request = await peer.message()) {
          await mayAnswer.promise;
          await peer.send(plain(request.start));
        }
      });
      await using origin = new Origin(tunnelEnd);
      await using scene = new Scene();
      const client = await scene.client();
      const first = requestTo(web.authority, { path: "/1" });
      const second = isSlow ? "" : requestTo(web.authority, { path: "/2" });
      if (isSlow) {
        await client.send(first);
        await until(
          "the request",
          async () => (await web.peer()).got.endsWith("\r\n\r\n"),
        );
        await client.send(tunnelTo(origin.authority));
      } else await client.send(first + second + tunnelTo(origin.authority));
      mayAnswer.resolve();
      assert.equal((await client.message()).body, "GET /1 HTTP/1.1");
      if (second) assert.equal((await client.message()).body, "GET /2 HTTP/1.1");
      const answer = await client.message({ isBodiless: true });
      assert.equal(answer.start.slice(9, 12), status);
      assert.equal(await client.take(5), "early");
      await client.send("late");
      await client.closeWrite();
      assert.equal(await client.rest(), "late");
      assert.equal(client.end, "clean");
      await until("nobody is served", () => scene.serving === 0);
    });
  }

  Deno.test(`${kind} that fails behind a request is told after its answer`, async () => {
    await using web = new Origin(echo);
    const connector = {
      connect: async (host: string, port: number) => {
        if (host === "db.test") throw new DialError("refused", "db.test:81");
        return new SocketStream(await dial(host, port));
      },
    };
    await using scene = new Scene({ connector });
    await using strict = new Scene({ auth });
    const right = basic("ann:päss:word");
    for (const one of [scene, strict]) {
      const client = await one.client();
      await client.send(
        requestTo(web.authority, { fields: right }) + tunnelTo("db.test:81"),
      );
      assert.equal((await client.message()).body, "GET / HTTP/1.1|");
      assert.equal(
        lineOf(await client.message()),
        one === scene
          ? "502 Cannot connect to db.test:81 (refused)"
          : "407 This proxy asks for a user name and a password",
      );
      assert.equal(await client.rest(), "");
      assert.equal(client.end, "clean");
    }
  });

  Deno.test(`an answer larger than all buffers is whole before ${kind}`, async () => {
    const body = "0123456789abcdef".repeat(1_000_000);
    await using web = new Origin(answering(plain(body)));
    await using origin = new Origin(tunnelEnd);
    await using scene = new Scene();
    const client = await scene.client();
    await client.send(requestTo(web.authority) + tunnelTo(origin.authority));
    await until("the origin's answer", () => web.peers[0]?.got);
    assert.ok((await client.message()).body === body);
    const answer = await client.message({ isBodiless: true });
    assert.equal(answer.start.slice(9, 12), status);
    assert.equal(await client.take(5), "early");
  });

  Deno.test(`a client that resets with ${kind} behind a request lets go of its origin`, async () => {
    await using web = new Origin(async (peer) => {
      await peer.message();
      await peer.rest();
    });
    await using scene = new Scene();
    const client = await scene.client();
    await client.send(requestTo(web.authority) + tunnelTo("127.0.0.1:1"));
    await until("the request", async () => (await web.peer()).got.endsWith("\r\n\r\n"));
    client.reset();
    await until("the origin's end", () => web.peers[0]!.end);
    await until("nobody is served", () => scene.serving === 0);
    assert.equal(scene.connects, 1);
  });

  Deno.test(`${kind} behind an answer that ends with its connection is not served`, async () => {
    await using web = new Origin(async (peer) => {
      await peer.message();
      await peer.send("HTTP/1.1 200 OK\r\n\r\nall");
    });
    await using scene = new Scene();
    const client = await scene.client();
    await client.send(
      `GET http://${web.authority}/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n` +
        tunnelTo("127.0.0.1:1"),
    );
    assert.match(await client.rest(), /^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\nall$/);
    assert.equal(client.end, "clean");
    client.close();
    await until("nobody is served", () => scene.serving === 0);
    assert.equal(scene.connects, 1);
  });
}
