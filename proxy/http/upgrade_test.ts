import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { answering, Origin, plain, Scene } from "./_fake_http.ts";
import { valuesOf } from "./_fake_http_reader.ts";
import {
  CHUNKED,
  echoBytes,
  flood,
  HUGE,
  requestTo,
  sized,
  SWITCHING,
  UPGRADE,
} from "./_requests.ts";

Deno.test("an upgrade becomes a tunnel, with the early bytes of both sides", async () => {
  await using origin = new Origin(async (peer) => {
    const request = await peer.message();
    assert.equal(request.start, "GET /chat HTTP/1.1");
    assert.deepEqual(valuesOf(request, "upgrade"), ["websocket"]);
    assert.match(valuesOf(request, "connection").join(), /upgrade/i);
    assert.deepEqual(valuesOf(request, "sec-websocket-key"), ["abc"]);
    await peer.send(`${SWITCHING}welcome`);
    await peer.send(await peer.take(5));
    await echoBytes(peer);
  });
  await using scene = new Scene();
  const client = await scene.client();
  const fields = `${UPGRADE}Sec-WebSocket-Key: abc\r\n`;
  await client.send(requestTo(origin.authority, { path: "/chat", fields }) + "early");
  const answer = await client.message();
  assert.equal(answer.start, "HTTP/1.1 101 Switching Protocols");
  assert.deepEqual(valuesOf(answer, "upgrade"), ["websocket"]);
  assert.deepEqual(valuesOf(answer, "connection"), ["Upgrade"]);
  assert.deepEqual(valuesOf(answer, "x-key"), ["7"]);
  assert.equal(await client.take(12), "welcomeearly");
  await client.send("later");
  await client.closeWrite();
  assert.equal(await client.rest(), "later");
  assert.deepEqual(origin.failures, []);
});

Deno.test("a declined upgrade brings the whole answer, however large", async () => {
  const body = "0123456789abcdef".repeat(500_000);
  await using origin = new Origin(async (peer) => {
    await peer.message();
    await peer.send(plain(body, "426 Upgrade Required"));
    await peer.rest();
  });
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(requestTo(origin.authority, { fields: UPGRADE }));
  const answer = await client.message();
  assert.match(answer.start, / 426 /);
  assert.ok(answer.body === body);
  await client.rest();
  assert.equal(client.end, "clean");
  await until("the origin's end", () => origin.peers[0]!.end);
});

Deno.test("a client that leaves a declined upgrade lets go of the origin", async () => {
  let flooded: Awaited<ReturnType<typeof flood>> | undefined;
  await using origin = new Origin(async (peer) => {
    await peer.message();
    await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${HUGE}\r\n\r\n`);
    flooded = await flood((text) => peer.send(text));
    await flooded.sending.catch(() => peer.end = "reset");
  });
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(requestTo(origin.authority, { fields: UPGRADE }));
  await until("the flood", () => flooded);
  client.reset();
  await until("the origin's end", () => origin.peers[0]!.end);
  await until("nobody is served", () => scene.serving === 0);
});

for (const answer of ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok"]) {
  const when = answer ? "after the answer" : "before an answer";
  Deno.test(`a client that leaves an upgrade ${when} lets go of the origin`, async () => {
    await using origin = new Origin(async (peer) => {
      await peer.message();
      await peer.send(answer);
      await peer.rest();
    });
    await using scene = new Scene();
    const client = await scene.client();
    await client.send(requestTo(origin.authority, { fields: UPGRADE }));
    await until(
      "the request",
      async () => (await origin.peer()).got.includes("\r\n\r\n"),
    );
    if (answer) { while (!client.held.includes("ok")) assert.ok(await client.more()); }
    client.close();
    await until("the origin's end", () => origin.peers[0]!.end);
    await until("nobody is served", () => scene.serving === 0);
  });
}

Deno.test("an upgrade with a body is a request without one", async () => {
  await using origin = new Origin(answering((request) => {
    return plain(`${request.body} ${valuesOf(request, "upgrade").length}`);
  }));
  await using scene = new Scene();
  const client = await scene.client();
  for (const isChunked of [false, true]) {
    await client.send(requestTo(origin.authority, {
      method: "POST",
      fields: UPGRADE + (isChunked ? CHUNKED : sized("hello")),
      body: isChunked ? "5\r\nhello\r\n0\r\n\r\n" : "hello",
    }));
    assert.equal((await client.message()).body, "hello 0");
  }
});
