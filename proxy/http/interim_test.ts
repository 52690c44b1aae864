import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { answering, Origin, plain, Scene } from "./_fake_http.ts";
import { valuesOf } from "./_fake_http_reader.ts";
import { lineOf, requestTo, sized, UPGRADE } from "./_requests.ts";

Deno.test("100-continue waits for the origin's word, be it 100 or a refusal", async () => {
  await using origin = new Origin(async (peer) => {
    while (!peer.held.includes("\r\n\r\n")) await peer.more();
    assert.match(peer.held, /\r\nExpect: 100-continue\r\n/);
    assert.ok(peer.held.endsWith("\r\n\r\n"), "no body yet");
    if (peer.held.includes("/no")) return await peer.send(plain("no", "417 No"));
    await peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    const { body } = await peer.message();
    await peer.send(plain(body));
  });
  await using scene = new Scene();
  const fields = `Expect: 100-continue\r\n${sized("hello")}`;
  const one = await scene.client();
  await one.send(requestTo(origin.authority, { method: "PUT", fields }));
  assert.equal((await one.message()).start, "HTTP/1.1 100 Continue");
  await one.send("hello");
  assert.equal((await one.message()).body, "hello");
  const other = await scene.client();
  await other.send(requestTo(origin.authority, { method: "PUT", path: "/no", fields }));
  assert.equal((await other.message()).start, "HTTP/1.1 417 No");
  assert.deepEqual(origin.failures, []);
});

Deno.test("an expectation that nobody knows is refused in words", async () => {
  await using scene = new Scene();
  const answer = await scene.ask(requestTo("x.test", { fields: "Expect: wonders\r\n" }));
  assert.equal(lineOf(answer), "417 Expect: wonders is not known here");
});

Deno.test("what a server says before its answer passes, to those who know of it", async () => {
  const link =
    "Link: </a.css>; rel=preload\r\nLink: <<b\r\nX-Hint: 1\r\nConnection: x\r\n";
  await using origin = new Origin(answering(
    `HTTP/1.1 103 Early Hints\r\n${link}\r\nHTTP/1.1 104 Odd\r\n\r\n` +
      `HTTP/1.1 102 Processing\r\n\r\n${plain("end")}`,
  ));
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(requestTo(origin.authority));
  const hints = await client.message();
  assert.equal(hints.start, "HTTP/1.1 103 Early Hints");
  assert.deepEqual(valuesOf(hints, "link"), ["</a.css>; rel=preload", "<<b"]);
  assert.deepEqual(valuesOf(hints, "x-hint"), ["1"]);
  assert.deepEqual(valuesOf(hints, "connection"), []);
  assert.equal((await client.message()).start, "HTTP/1.1 104 Odd");
  assert.equal((await client.message()).start, "HTTP/1.1 102 Processing");
  assert.equal((await client.message()).body, "end");
  const old = await scene.client();
  await old.send(`GET http://${origin.authority}/ HTTP/1.0\r\n\r\n`);
  assert.match(await old.rest(), /^HTTP\/1.1 200 OK/, "HTTP/1.0 knows none of these");
});

for (const [status, fields] of [["102 Processing", ""], ["104 Odd", UPGRADE]] as const) {
  Deno.test(`an origin that says ${status} without end is given up`, async () => {
    await using origin = new Origin(async (peer) => {
      await peer.message();
      const flooding = (async () => {
        while (!peer.end) await peer.send(`HTTP/1.1 ${status}\r\n\r\n`.repeat(100));
      })().catch(() => peer.end = "reset");
      await flooding;
    });
    await using scene = new Scene();
    const client = await scene.client();
    await client.send(requestTo(origin.authority, { fields }));
    let answer = await client.message();
    for (let count = 0; answer.start.includes(` ${status}`); count++) {
      assert.ok(count < 32, "that is too much");
      answer = await client.message();
    }
    assert.match(lineOf(answer), /^502 .* cannot be used: it said 1xx 33 times/);
    await until("the origin's end", () => origin.peers[0]!.end);
  });
}
