import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { Origin, plain, Scene } from "./_fake_http.ts";
import { valuesOf } from "./_fake_http_reader.ts";
import { FakeStream } from "../edge/_fake_stream.ts";
import { HttpProxy } from "./proxy.ts";

const CHUNKED = "Transfer-Encoding: chunked\r\n";

function post(authority: string, fields: string, body = ""): string {
  return `POST http://${authority}/ HTTP/1.1\r\nHost: x\r\n${fields}\r\n${body}`;
}

Deno.test("an answer that runs beside its upload does so through the proxy", async () => {
  await using origin = new Origin(async (peer) => {
    while (!peer.held.includes("\r\n\r\n")) await peer.more();
    await peer.send(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n`);
    await peer.take(peer.held.indexOf("\r\n\r\n") + 4);
    for (let i = 0; i < 5; i++) {
      const chunk = await peer.take(6); // 1 CR LF x CR LF
      await peer.send(chunk);
    }
    await peer.take(5);
    await peer.send("0\r\n\r\n");
    await peer.rest();
  });
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(post(origin.authority, CHUNKED));
  while (!client.held.includes("\r\n\r\n")) assert.ok(await client.more());
  for (let i = 0; i < 5; i++) {
    await client.send(`1\r\n${i}\r\n`);
    while (!client.held.includes(`1\r\n${i}\r\n`)) assert.ok(await client.more());
  }
  await client.send("0\r\n\r\n");
  const answer = await client.message();
  assert.equal(answer.body, "01234");
  assert.deepEqual(valuesOf(answer, "connection"), ["close"]);
  assert.equal(await client.rest(), "");
});

Deno.test("a server that never says 100 Continue gets the body after a while", async () => {
  await using origin = new Origin(async (peer) => {
    const { body } = await peer.message();
    await peer.send(plain(body));
  });
  await using scene = new Scene({ continueMs: 50 });
  const fields = "Expect: 100-continue\r\nContent-Length: 5\r\n";
  const answer = await scene.ask(post(origin.authority, fields, "hello"));
  assert.equal(answer.body, "hello");
  assert.deepEqual(valuesOf(answer, "connection"), ["keep-alive"]);
});

Deno.test("a body that came ahead of its 100 Continue goes on when that is said", async () => {
  await using origin = new Origin(async (peer) => {
    while (!peer.held.includes("\r\n\r\n")) await peer.more();
    assert.ok(peer.held.endsWith("\r\n\r\n"), peer.held);
    await peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    const { body } = await peer.message();
    await peer.send(plain(body));
  });
  await using scene = new Scene({ continueMs: 60_000 });
  const client = await scene.client();
  const fields = `Expect: 100-continue\r\n${CHUNKED}`;
  await client.send(post(origin.authority, fields, "5\r\nhello\r\n0\r\n\r\n"));
  assert.equal((await client.message()).start, "HTTP/1.1 100 Continue");
  assert.equal((await client.message()).body, "hello");
  assert.deepEqual(origin.failures, []);
});

Deno.test("a client that leaves while its body waits for a 100 lets go of the server", async () => {
  await using origin = new Origin(async (peer) => void await peer.rest());
  await using scene = new Scene({ continueMs: 60_000, halfClosedMs: 100 });
  for (const [index, how] of (["close", "reset"] as const).entries()) {
    const client = await scene.client();
    const fields = "Expect: 100-continue\r\nContent-Length: 5\r\n";
    await client.send(post(origin.authority, fields));
    const peer = await origin.peer(index);
    await until("the head", () => peer.got.endsWith("\r\n\r\n"));
    client[how]();
    await until("the server's end", () => peer.end);
  }
  await until("nobody is served", () => scene.serving === 0);
});

Deno.test("a server that answers and resets under an upload has its answer passed on", async () => {
  await using origin = new Origin(async (peer) => {
    await peer.take(1);
    await peer.send(plain("too large", "413 Content Too Large"));
    await until("the answer is read", () => isRead);
    peer.reset();
  });
  let isRead = false;
  await using scene = new Scene();
  const client = await scene.client();
  const body = "x".repeat(5_000_000);
  const sending = client.send(
    post(origin.authority, `Content-Length: ${body.length + 1}\r\n`, body),
  );
  assert.equal((await client.message()).body, "too large");
  isRead = true;
  await sending;
  assert.equal(await client.rest(), "");
  assert.equal(client.end, "clean");
});

for (
  const [what, answer, why] of [
    ["a size that is none", `${CHUNKED}\r\n5\r\nhello\r\nzz\r\n`, /"zz" is no size/],
    ["too few bytes", "Content-Length: 9\r\n\r\nhello", /4 bytes too early/],
    ["no last chunk", `${CHUNKED}\r\n5\r\nhello\r\n`, /before its last chunk/],
  ] as const
) {
  Deno.test(`an answer that breaks off, with ${what}, is told with its reason`, async () => {
    await using origin = new Origin(async (peer) => {
      await peer.message();
      await peer.send(`HTTP/1.1 200 OK\r\n${answer}`);
    });
    const told: string[][] = [];
    await using scene = new Scene({ onBreak: (...words) => told.push(words) });
    const client = await scene.client();
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.rest();
    await until("the word of it", () => told.length > 0);
    assert.equal(told.length, 1);
    assert.equal(told[0]![0], origin.authority);
    assert.match(told[0]![1]!, why);
  });
}

Deno.test("a client that leaves in the middle of an answer is nothing to tell", async () => {
  await using origin = new Origin(async (peer) => {
    await peer.message();
    await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    await peer.rest();
  });
  const told: string[][] = [];
  await using scene = new Scene({ onBreak: (...words) => told.push(words) });
  const client = await scene.client();
  await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
  while (!client.held.includes("hello")) assert.ok(await client.more());
  client.reset();
  await until("nobody is served", () => scene.serving === 0);
  assert.deepEqual(told, []);
});

Deno.test("an answer of the proxy itself to HEAD has no body, and the next one its own", async () => {
  const connector = { connect: () => Promise.reject(new Error("no way")) };
  await using scene = new Scene({ connector });
  const client = await scene.client();
  await client.send("HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
  const head = await client.message({ isBodiless: true });
  assert.match(head.start, / 400 /);
  assert.deepEqual(valuesOf(head, "connection"), ["keep-alive"]);
  await client.send("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
  assert.match((await client.message()).body, /"\/nowhere" is not an absolute URL/);
});

Deno.test("a body that came whole with a refused request does not end the connection", async () => {
  await using scene = new Scene({ auth: { username: "u", password: "p" } });
  const client = await scene.client();
  for (let i = 0; i < 2; i++) {
    await client.send(post("a.test", "Content-Length: 5\r\n", "hello"));
    const answer = await client.message();
    assert.match(answer.start, / 407 /);
    assert.deepEqual(valuesOf(answer, "connection"), ["keep-alive"]);
  }
});

Deno.test("streams of any kind are served, requests as well as tunnels", async () => {
  const ending = new AbortController();
  const servers: FakeStream[] = [];
  const connector = {
    connect: () => {
      const server = new FakeStream();
      servers.push(server);
      return Promise.resolve(server);
    },
  };
  const proxy = new HttpProxy({ connector, signal: ending.signal });
  const client = new FakeStream({ step: 1 })
    .send("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
  const serving = proxy.serveStream(client);
  await until("the request", () => servers[0]?.text.endsWith("\r\n\r\n"));
  servers[0]!.send(plain("hello"));
  await until("the answer", () => client.text.endsWith("hello"));
  client.send("CONNECT b:1 HTTP/1.1\r\n\r\nearly");
  await until("the early bytes", () => servers[1]?.text === "early");
  client.send(null);
  await until("the end upwards", () => servers[1]!.ends.includes("closeWrite"));
  servers[1]!.send("late", null);
  await serving;
  assert.ok(client.text.endsWith("established\r\n\r\nlate"));
  assert.deepEqual(client.ends, ["closeWrite", "close"]);
  ending.abort();
});
