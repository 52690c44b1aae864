import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { answering, Origin, plain, Scene } from "./_fake_http.ts";
import { valuesOf } from "./_fake_http_reader.ts";
import { CHUNKED, drain, flood, HUGE, requestTo, sized } from "./_requests.ts";

for (const framing of ["sized", "chunked"] as const) {
  Deno.test(`a ${framing} body of a request arrives whole, with its trailers`, async () => {
    await using origin = new Origin(answering(({ body }) => plain(`${body.length}`)));
    await using scene = new Scene();
    const body = "0123456789".repeat(50_000);
    const isChunked = framing === "chunked";
    const answer = await scene.ask(requestTo(origin.authority, {
      method: "PUT",
      fields: isChunked ? `${CHUNKED}Trailer: X-Sum\r\n` : sized(body),
      body: isChunked
        ? `3;ext=1\r\n012\r\n${(body.length - 3).toString(16)}\r\n${body.slice(3)}\r\n` +
          "0\r\nX-Sum: 7\r\nHost: x\r\nProxy-Authorization: Basic eDp5\r\n\r\n"
        : body,
    }));
    assert.equal(answer.body, `${body.length}`);
    const { got } = await origin.peer();
    if (isChunked) assert.match(got, /\r\n0\r\nX-Sum: 7\r\n\r\n$/);
    else assert.ok(got.endsWith(`\r\n\r\n${body}`));
  });
}

const ANSWERS: Record<string, [answer: string, body: string, trailers: unknown[]]> = {
  sized: [plain("hello"), "hello", []],
  empty: [plain(""), "", []],
  chunked: [
    `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n3;x\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 7\r\n\r\n`,
    "hello",
    [["X-Sum", "7"]],
  ],
  "close-delimited": ["HTTP/1.1 200 OK\r\n\r\nhello", "hello", []],
  "HTTP/1.0": ["HTTP/1.0 200 OK\r\n\r\nhello", "hello", []],
};

for (const [kind, [bytes, body, trailers]] of Object.entries(ANSWERS)) {
  Deno.test(`an answer whose body is ${kind} arrives whole`, async () => {
    await using origin = new Origin(async (peer) => {
      await peer.message();
      await peer.send(bytes);
    });
    await using scene = new Scene();
    const client = await scene.client();
    for (let i = 0; i < 2; i++) {
      await client.send(requestTo(origin.authority));
      const answer = await client.message();
      assert.equal(answer.body, body);
      assert.deepEqual(answer.trailers, trailers);
    }
  });
}

Deno.test("answers without a body end where they should", async () => {
  await using origin = new Origin(answering(({ start }) => {
    if (start.startsWith("HEAD")) {
      return "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    }
    if (start.includes("/204")) return "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n";
    if (start.includes("/304")) {
      return "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n";
    }
    return plain("end");
  }));
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(requestTo(origin.authority, { method: "HEAD" }));
  const head = await client.message({ isBodiless: true });
  assert.deepEqual(valuesOf(head, "content-length"), ["1000"]);
  for (const status of ["204", "304"]) {
    await client.send(requestTo(origin.authority, { path: `/${status}` }));
    const answer = await client.message();
    assert.equal(answer.start.slice(9, 12), status);
    assert.deepEqual(valuesOf(answer, "transfer-encoding"), []);
  }
  await client.send(requestTo(origin.authority));
  assert.equal((await client.message()).body, "end");
  assert.equal(origin.peers.length, 1);
});

Deno.test("a client that does not read holds the origin back", async () => {
  let flooded: Awaited<ReturnType<typeof flood>> | undefined;
  await using origin = new Origin(async (peer) => {
    await peer.message();
    await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${HUGE}\r\n\r\n`);
    flooded = await flood((text) => peer.send(text));
    await flooded.sending;
  });
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(requestTo(origin.authority));
  const { held, sending } = await until("the flood", () => flooded);
  assert.ok(held < HUGE / 2, `${held} bytes were taken though nobody read`);
  await drain(client, HUGE);
  await sending;
});

Deno.test("an origin that does not read holds the client back", async () => {
  let mayRead = false;
  await using origin = new Origin(async (peer) => {
    await until("leave to read", () => mayRead);
    await drain(peer, HUGE);
    await peer.send(plain("all of it"));
  });
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(
    requestTo(origin.authority, {
      method: "POST",
      fields: `Content-Length: ${HUGE}\r\n`,
    }),
  );
  const { held, sending } = await flood((text) => client.send(text));
  assert.ok(held < HUGE / 2, `${held} bytes were taken though nobody read`);
  mayRead = true;
  await sending;
  assert.equal((await client.message()).body, "all of it");
});

Deno.test("the first bytes of a body do not wait for the next", async () => {
  const seen = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  await using origin = new Origin(async (peer) => {
    await peer.message();
    await peer.send(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n`);
    await seen[0].promise;
    await peer.send("5\r\nfirst\r\n");
    await seen[1].promise;
    await peer.send("0\r\n\r\n");
  });
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(requestTo(origin.authority));
  while (!client.held.includes("\r\n\r\n")) assert.ok(await client.more());
  seen[0].resolve();
  while (!client.held.includes("first")) assert.ok(await client.more());
  seen[1].resolve();
  assert.equal((await client.message()).body, "first");
});

Deno.test("the head of a request does not wait for its body", async () => {
  await using origin = new Origin(async (peer) => {
    while (!peer.held.includes("\r\n\r\n")) await peer.more();
    await peer.send(plain(peer.held.split("\r\n\r\n")[1]! || "nothing yet"));
    await peer.rest();
  });
  await using scene = new Scene();
  for (const fields of [CHUNKED, sized("hello")]) {
    const answer = await scene.ask(
      requestTo(origin.authority, { method: "POST", fields }),
    );
    assert.equal(answer.body, "nothing yet");
  }
});

Deno.test("what is not ASCII in a head stays as it is, both ways", async () => {
  const odd = "X-Odd: \xe9\xff\xc3\xa9\r\n";
  await using origin = new Origin(answering(({ start, fields }) => {
    assert.deepEqual(valuesOf({ fields }, "x-odd"), ["\xe9\xff\xc3\xa9"], start);
    return plain("x", `200 \xe9\xff\r\n${odd}`.trim());
  }));
  await using scene = new Scene();
  for (
    const [method, fields, body] of [["GET", ""], ["POST", sized("x"), "x"]] as const
  ) {
    const answer = await scene.ask(
      requestTo(origin.authority, { method, fields: odd + fields, body: body ?? "" }),
    );
    assert.equal(answer.start, "HTTP/1.1 200 \xe9\xff");
    assert.deepEqual(valuesOf(answer, "x-odd"), ["\xe9\xff\xc3\xa9"]);
  }
  assert.deepEqual(origin.failures, []);
});

Deno.test("an answer that comes before the end of the request is passed on", async () => {
  await using origin = new Origin(async (peer) => {
    await peer.take(1);
    await peer.send(plain("too large", "413 Content Too Large"));
    await peer.rest();
  });
  await using scene = new Scene();
  const client = await scene.client();
  const fields = "Content-Length: 20000000\r\n";
  await client.send(requestTo(origin.authority, { method: "POST", fields, body: "x" }));
  const answer = await client.message();
  assert.equal(answer.body, "too large");
  assert.deepEqual(valuesOf(answer, "connection"), ["close"]);
  await client.send("x".repeat(19_999_999)); // and the rest goes nowhere
  await client.send(requestTo(origin.authority));
  assert.equal(await client.rest(), "", "nor does what comes behind it");
  await until("the origin's connection ended", () => origin.peers[0]!.end);
  assert.equal(origin.peers.length, 1);
});
