import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { answering, Origin, plain, Scene } from "./_fake_http.ts";
import {
  CHUNKED,
  close,
  echo,
  lineOf,
  requestTo,
  sized,
  SWITCHING,
  UPGRADE,
} from "./_requests.ts";

Deno.test("a client that leaves ends what it asked for", async () => {
  await using origin = new Origin(async (peer) => {
    while (!peer.held.includes("\r\n\r\n")) await peer.more();
    if (peer.held.includes("/begun")) {
      await peer.send(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n1\r\nx\r\n`);
    }
    await peer.rest();
  });
  await using scene = new Scene({ halfClosedMs: 100 });
  const requests = [
    requestTo(origin.authority, { path: "/waiting" }),
    requestTo(origin.authority, { path: "/begun" }),
    requestTo(origin.authority, { method: "POST", fields: sized("hello"), body: "hel" }),
    requestTo(origin.authority, {
      method: "POST",
      fields: CHUNKED,
      body: "5\r\nhello\r\n",
    }),
  ];
  for (const [index, request] of requests.entries()) {
    const client = await scene.client();
    await client.send(request);
    const peer = await origin.peer(index);
    await until("the request", () => peer.held.includes("\r\n\r\n"));
    if (index === 1) await client.take(20);
    if (index % 2 === 0) client.close();
    else client.reset();
    await until("the origin's end", () => peer.end);
    assert.doesNotMatch(peer.got, /\r\n0\r\n\r\n$/, "a broken body is not ended");
  }
  await until("nobody is served", () => scene.serving === 0);
});

Deno.test("a client that ends its direction behind its requests gets all answers", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene();
  const fields = sized("hello");
  const get = requestTo(origin.authority);
  const closing = requestTo(origin.authority, { fields: "Connection: close\r\n" });
  const post = requestTo(origin.authority, { method: "POST", fields, body: "hello" });
  for (const requests of [[get], [closing], [post], [get, post, get]]) {
    const client = await scene.client();
    await client.send(requests.join(""));
    await client.closeWrite();
    for (const request of requests) {
      const expected = request === post ? "POST / HTTP/1.1|hello" : "GET / HTTP/1.1|";
      assert.equal((await client.message()).body, expected);
    }
    assert.equal(await client.rest(), "");
    assert.equal(client.end, "clean");
  }
  await until("nobody is served", () => scene.serving === 0);
});

Deno.test("its end does not cut an answer short that it is slow to read", async () => {
  const body = "0123456789abcdef".repeat(1_000_000);
  await using origin = new Origin(answering(plain(body)));
  await using scene = new Scene({ halfClosedMs: 400 });
  const client = await scene.client();
  await client.send(requestTo(origin.authority));
  await client.closeWrite();
  await client.more(1);
  await new Promise((resolve) => setTimeout(resolve, 1200)); // three times the limit
  assert.ok((await client.message()).body === body);
});

Deno.test("one that waits in vain for an answer is told, and the origin let go of", async () => {
  await using origin = new Origin(async (peer) => void await peer.rest());
  await using scene = new Scene({ halfClosedMs: 100 });
  const client = await scene.client();
  await client.send(requestTo(origin.authority));
  await client.closeWrite();
  assert.equal(
    lineOf(await client.message()),
    `504 ${origin.authority}: no answer within 0.1 s of the client's end of its direction`,
  );
  assert.equal(await client.rest(), "");
  await until("the origin's end", () => origin.peers[0]!.end);
});

for (const [kind, behind] of [["", ""], [", and CONNECT behind,", "CONNECT a.test:1"]]) {
  Deno.test(`one that left in the middle of an answer${kind} lets go of the origin`, async () => {
    await using origin = new Origin(async (peer) => {
      await peer.message();
      await peer.send(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n1\r\nx\r\n`);
      await peer.rest();
    });
    await using scene = new Scene({ halfClosedMs: 100 });
    const client = await scene.client();
    const next = behind ? `${behind} HTTP/1.1\r\nHost: x\r\n\r\n` : "";
    await client.send(requestTo(origin.authority) + next);
    while (!client.held.includes("1\r\nx\r\n")) assert.ok(await client.more());
    client.close();
    await until("the origin's end", () => origin.peers[0]!.end);
    await until("nobody is served", () => scene.serving === 0);
    assert.equal(scene.connects, 1);
  });
}

const BREAKS: Record<string, string> = {
  sized: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
  chunked: `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n5\r\nhello\r\n`,
  "chunked wrongly": `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n5\r\nhello\r\nzz\r\n`,
};

for (const [kind, bytes] of Object.entries(BREAKS)) {
  for (const version of ["1.1", "1.0"]) {
    Deno.test(`a ${kind} answer that breaks off is broken for a client of HTTP/${version}`, async () => {
      await using origin = new Origin(async (peer) => {
        await peer.message();
        await peer.send(bytes);
      });
      await using scene = new Scene();
      const client = await scene.client();
      await client.send(
        `GET http://${origin.authority}/ HTTP/${version}\r\nHost: x\r\n\r\n`,
      );
      const got = await client.rest();
      if (kind !== "chunked wrongly") assert.match(got, /hello/);
      assert.doesNotMatch(got, /\r\n0\r\n\r\n$/);
      assert.equal(client.end, close);
    });
  }
}

Deno.test("a close-delimited answer that is reset is broken", async () => {
  await using origin = new Origin(async (peer) => {
    await peer.message();
    await peer.send("HTTP/1.1 200 OK\r\n\r\nhello");
    await seen.promise;
    peer.reset();
  });
  const seen = Promise.withResolvers<void>();
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(requestTo(origin.authority));
  while (!client.held.includes("hello")) assert.ok(await client.more());
  seen.resolve();
  assert.doesNotMatch(await client.rest(), /\r\n0\r\n/);
  assert.equal(client.end, close);
});

Deno.test("an end of the proxy ends everything", async () => {
  await using origin = new Origin(async (peer) => {
    const request = await peer.message();
    if (request.start.includes("/done")) await peer.send(plain("x"));
    if (request.start.includes("/begun")) {
      await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
    }
    if (request.start.includes("/up")) await peer.send(SWITCHING);
    await peer.rest();
  });
  await using scene = new Scene();
  const clients = [];
  for (const path of ["/begun", "/waiting", "/up", "/done"]) {
    const client = await scene.client();
    const fields = path === "/up" ? UPGRADE : "";
    await client.send(requestTo(origin.authority, { path, fields }));
    if (path !== "/waiting") await client.take(20);
    clients.push(client);
  }
  const tunnel = await scene.client();
  await tunnel.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
  await tunnel.message({ isBodiless: true });
  const silent = await scene.client();
  const partial = await scene.client();
  await partial.send("GET http");
  await until("all connections", () => origin.peers.length === 5 && scene.serving === 7);
  await scene.end();
  for (const client of [...clients, tunnel, silent, partial]) {
    await client.rest();
    assert.ok(client.end);
  }
  await until("the origin's ends", () => origin.peers.every(({ end }) => end));
  const late = await scene.client();
  assert.equal(await late.rest(), "", "nobody is served any more");
});
