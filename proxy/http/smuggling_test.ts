import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { answering, Origin, plain, Scene } from "./_fake_http.ts";
import { readMessages } from "./_fake_http_reader.ts";
import { CHUNKED, echo, lineOf, requestTo } from "./_requests.ts";

/** Requests that two readers could take for different ones: refused, all of them. */
const REFUSED: Record<string, string> = {
  "two lengths": "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
  "the same length twice": "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
  "a list of lengths": "Content-Length: 5, 5\r\n\r\nhello",
  "length and chunked": `Content-Length: 5\r\n${CHUNKED}\r\n0\r\n\r\n`,
  "chunked and length": `${CHUNKED}Content-Length: 5\r\n\r\n0\r\n\r\n`,
  "chunked, identity": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
  "xchunked": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
  "identity": "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
  "chunked twice": "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
  "chunked in two fields": `${CHUNKED}${CHUNKED}\r\n0\r\n\r\n`,
  "gzip under chunked": "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
  "quoted chunked": `Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
  "chunked with a parameter": "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
  "chunked behind a tab and VT": "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
  "an empty coding": "Transfer-Encoding:\r\n\r\n0\r\n\r\n",
  "obs-fold": "X: a\r\n b\r\n\r\n",
  "obs-fold of the coding": "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
  "a bare LF": "X: a\nY: b\r\n\r\n",
  "a bare LF as the end": "X: a\r\n\n",
  "a bare CR": "X: a\rY: b\r\n\r\n",
  "NUL in a value": "X: a\0b\r\n\r\n",
  "NUL in a name": "X\0: ab\r\n\r\n",
  "a space before the colon": "Content-Length : 5\r\n\r\nhello",
  "a tab before the colon": "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
  "a negative length": "Content-Length: -5\r\n\r\nhello",
  "a length with a plus": "Content-Length: +5\r\n\r\nhello",
  "a hexadecimal length": "Content-Length: 0x5\r\n\r\nhello",
  "a length of letters": "Content-Length: five\r\n\r\nhello",
  "a length with a space in it": "Content-Length: 1 0\r\n\r\nhello",
  "an empty length": "Content-Length:\r\n\r\n",
  "a length beyond 64 bits": "Content-Length: 18446744073709551617\r\n\r\nx",
  "a chunk size beyond 64 bits": `${CHUNKED}\r\n10000000000000001\r\nx\r\n0\r\n\r\n`,
  "a chunk size with 0x": `${CHUNKED}\r\n0x5\r\nhello\r\n0\r\n\r\n`,
  "a negative chunk size": `${CHUNKED}\r\n-5\r\nhello\r\n0\r\n\r\n`,
  "a chunk size before a space": `${CHUNKED}\r\n5 \r\nhello\r\n0\r\n\r\n`,
  "a chunk size that ends with LF": `${CHUNKED}\r\n5\nhello\r\n0\r\n\r\n`,
  "a chunk that ends with LF": `${CHUNKED}\r\n5\r\nhello\n0\r\n\r\n`,
  "a chunk longer than its size": `${CHUNKED}\r\n4\r\nhello\r\n0\r\n\r\n`,
  "an extension with LF in it": `${CHUNKED}\r\n5;a\nb\r\nhello\r\n0\r\n\r\n`,
  "no name": ": x\r\n\r\n",
  "no colon": "Content-Length\r\n\r\n",
  "a name with parentheses": "X(a): x\r\n\r\n",
  "a name beyond ASCII": "X\xe9: x\r\n\r\n",
  "a name behind a space": " Content-Length: 5\r\n\r\nhello",
  "a second Host": "Host: other.test\r\n\r\n",
};

for (const [what, rest] of Object.entries(REFUSED)) {
  Deno.test(`smuggling: ${what} is refused`, async () => {
    await using origin = new Origin(async (peer) => void await peer.rest());
    await using scene = new Scene();
    const client = await scene.client();
    await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: x\r\n${rest}`);
    await client.closeWrite();
    const answer = await client.message();
    assert.match(answer.start, /^HTTP\/1.1 (400|501) /, await client.rest());
    assert.match(await client.rest(), /^$|^HTTP/);
    for (const peer of origin.peers) { // the header may have gone ahead of a wrong body
      await until("its end", () => peer.end);
      if (peer.got !== "") {
        assert.throws(() => {
          const { messages, isBroken } = readMessages(peer.got);
          if (isBroken && messages.length === 0) throw new Error("broken");
        });
      }
    }
  });
}

Deno.test("odd but clear requests go on in their plain form", async () => {
  await using origin = new Origin(
    answering(({ start, body }) => plain(`${start}|${body}`)),
  );
  await using scene = new Scene();
  const cases: [string, string][] = [
    [`${CHUNKED}\r\n5;ext="a;b"\r\nhello\r\n0;x=y\r\n\r\n`, "hello"],
    [`Transfer-Encoding: CHUNKED\r\n\r\n00005\r\nhello\r\n0\r\n\r\n`, "hello"],
    ["Content-Length: 00005\r\n\r\nhello", "hello"],
    ["!#$%&'*+-.^_`|~: x\r\nContent-Length: 5\r\n\r\nhello", "hello"],
    ["Content-Length: 5 \r\n\r\nhello", "hello"],
  ];
  for (const [rest, body] of cases) {
    const answer = await scene.ask(
      `POST http://${origin.authority}/ HTTP/1.1\r\nHost: x\r\n${rest}`,
    );
    assert.equal(answer.body, `POST / HTTP/1.1|${body}`, rest);
  }
  assert.deepEqual(origin.failures, []);
});

Deno.test("garbage behind a request is answered after it, and not in the middle", async () => {
  const seen = Promise.withResolvers<void>();
  await using origin = new Origin(async (peer) => {
    await peer.message();
    await peer.send(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n1\r\nx\r\n`);
    await seen.promise;
    await peer.send("1\r\ny\r\n0\r\n\r\n");
  });
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(requestTo(origin.authority));
  while (!client.held.includes("1\r\nx\r\n")) assert.ok(await client.more());
  await client.send("\x00garbage\r\n\r\n");
  await client.send("\x00garbage\r\n\r\n");
  seen.resolve();
  assert.equal((await client.message()).body, "xy");
  assert.match(lineOf(await client.message()), /^400 /);
  assert.equal(await client.rest(), "");
  assert.equal(client.end, "clean");
});

Deno.test("garbage in one segment with a request is not taken for its method", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(requestTo(origin.authority) + "\x00garbage\r\n\r\n");
  assert.equal((await client.message()).body, "GET / HTTP/1.1|");
  assert.match(
    lineOf(await client.message()),
    /^400 Not a request that can be understood/,
  );
  assert.equal(await client.rest(), "");
  assert.equal(client.end, "clean");
});
