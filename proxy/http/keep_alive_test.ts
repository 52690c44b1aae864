import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { answering, Origin, plain, Scene } from "./_fake_http.ts";
import { valuesOf } from "./_fake_http_reader.ts";
import { CHUNKED, requestTo, sized } from "./_requests.ts";

Deno.test("pipelined requests are answered in order, one after the other", async () => {
  let under = 0, most = 0;
  await using origin = new Origin(async (peer) => {
    for (let request = await peer.message();; request = await peer.message()) {
      most = Math.max(most, ++under);
      if (request.start.includes("/0 ")) { // the first takes longest
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      under--;
      await peer.send(plain(request.start + request.body));
    }
  });
  await using scene = new Scene();
  const client = await scene.client();
  const count = 1000;
  const requests = Array.from({ length: count }, (_, i) => {
    const body = i % 3 === 1 ? `body ${i}` : "";
    const method = body ? "POST" : "GET";
    return requestTo(origin.authority, {
      method,
      path: `/${i}`,
      fields: body && sized(body),
      body,
    });
  });
  const sending = client.send(requests.join(""));
  for (let i = 0; i < count; i++) {
    const { body } = await client.message();
    const expected = i % 3 === 1 ? `POST /${i} HTTP/1.1body ${i}` : `GET /${i} HTTP/1.1`;
    assert.equal(body, expected);
  }
  await sending;
  assert.equal(most, 1);
});

Deno.test("a client that sends thousands of requests ahead has to wait with the rest", async () => {
  await using origin = new Origin(async (peer) => {
    await peer.message();
    await until("the client's end", () => ended);
  });
  let ended = false;
  await using scene = new Scene();
  const client = await scene.client();
  let sent = 0;
  const sending = (async () => {
    const request = requestTo(origin.authority, { fields: `X: ${"x".repeat(900)}\r\n` });
    for (; sent < 30_000; sent++) await client.send(request);
  })().catch(() => {});
  await origin.peer();
  let before = -1;
  await until("a standstill", () => {
    const still = sent === before;
    before = sent;
    return still && sent > 0;
  }, { everyMs: 300 });
  assert.ok(sent < 20_000, `${sent} requests were read ahead`);
  assert.equal(origin.peers.length, 1);
  ended = true;
  client.reset();
  await sending;
});

Deno.test("a client of HTTP/1.0 is answered in its way", async () => {
  await using origin = new Origin(answering((request) => {
    assert.deepEqual(valuesOf(request, "expect"), []);
    return `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n${CHUNKED}\r\n2\r\nok\r\n0\r\n\r\n`;
  }));
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(
    `POST http://${origin.authority}/ HTTP/1.0\r\nExpect: 100-continue\r\n${
      sized("x")
    }\r\nx`,
  );
  const answer = await client.rest();
  assert.match(answer, /^HTTP\/1.1 200 OK\r\n/);
  assert.match(answer, /\r\n\r\nok$/);
  assert.doesNotMatch(answer, /chunked/i);
  assert.equal(client.end, "clean");
  assert.deepEqual(origin.failures, []);
});
