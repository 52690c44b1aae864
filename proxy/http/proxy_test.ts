import assert from "node:assert/strict";
import http from "node:http";
import { until, within } from "../../tests/harness/scene/wait.ts";
import { answering, Origin, type Peer, plain, Scene } from "./_fake_http.ts";
import { type Message, readMessages, valuesOf } from "./_fake_http_reader.ts";
import { dial, DialError } from "../edge/dial.ts";
import { canReset } from "../edge/reset.ts";
import { SocketStream } from "../edge/stream.ts";

/** A request in absolute form. */
function requestTo(
  authority: string,
  { method = "GET", path = "/", fields = "", body = "" } = {},
): string {
  return `${method} http://${authority}${path} HTTP/1.1\r\nHost: ${authority}\r\n${fields}\r\n${body}`;
}

/** Answers with the request line and the body of each request. */
const echo = answering(({ start, body }) => {
  const answer = plain(`${start}|${body}`);
  return start.startsWith("HEAD ")
    ? answer.slice(0, answer.indexOf("\r\n\r\n") + 4)
    : answer;
});

function sized(body: string): string {
  return `Content-Length: ${body.length}\r\n`;
}

const CHUNKED = "Transfer-Encoding: chunked\r\n";
const close = canReset() ? "reset" : "clean";
const UPGRADE = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Key: 7\r\n\r\n";

/** The one line of text of an answer by the proxy itself. */
function lineOf({ start, body, fields }: Message): string {
  assert.equal(valuesOf({ fields }, "content-type")[0], "text/plain; charset=utf-8");
  assert.match(body, /^[^\r\n]+\n$/);
  return `${start.slice(9, 12)} ${body.trim()}`;
}

// ---- methods, targets, fields ----

Deno.test("a request of any method goes on as it came", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene();
  const client = await scene.client();
  const methods = http.METHODS.filter((method) => method !== "CONNECT");
  for (
    const method of [...methods, "BREW", "get", "VERSION-CONTROL", "!#$%&'*+-.^_`|~"]
  ) {
    await client.send(requestTo(origin.authority, { method, path: "/a/../b?c=%20d" }));
    const answer = await client.message({ isBodiless: method === "HEAD" });
    assert.equal(answer.start, "HTTP/1.1 200 OK", method);
    if (method !== "HEAD") {
      assert.equal(answer.body, `${method} /a/../b?c=%20d HTTP/1.1|`);
    }
  }
  assert.deepEqual(origin.failures, []);
});

Deno.test("what is no request is refused at once", async () => {
  await using scene = new Scene();
  for (
    const garbage of [
      "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
      "\x16\x03\x01\n",
      "PRI * HTTP/2.0\r\n\r\n",
      "GET  http://a/ HTTP/1.1\r\n",
      "GET http://a/\r\n",
      "GET http://a/ HTTP/1.1 \r\n",
      "GET http://a/ b HTTP/1.1\r\n",
      "GET http://a/\tb HTTP/1.1\r\n",
      "GET http://a/ HTTP/1.1\n",
      "GET http://a/ http/1.1\r\n",
      "G\xe9T http://a/ HTTP/1.1\r\n",
    ]
  ) assert.match(lineOf(await scene.ask(garbage)), /^400 /, garbage);
  assert.equal(scene.connects, 0);
});

Deno.test("OPTIONS without a path asks for the whole server", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene();
  for (const [path, expected] of [["", "*"], ["/", "/"], ["?x", "/?x"]] as const) {
    const answer = await scene.ask(
      requestTo(origin.authority, { method: "OPTIONS", path }),
    );
    assert.equal(answer.body, `OPTIONS ${expected} HTTP/1.1|`);
  }
});

Deno.test("Host is taken from the URL, and not from the field", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene();
  await scene.ask(
    `GET http://u:p@${origin.authority}/ HTTP/1.1\r\nHost: evil.test\r\n\r\n`,
  );
  const { got } = await origin.peer();
  assert.match(got, new RegExp(`^GET / HTTP/1.1\r\nHost: ${origin.authority}\r\n`));
  assert.doesNotMatch(got, /evil|u:p/);
});

Deno.test("an IPv6 literal is dialled and named with its brackets", async () => {
  await using origin = new Origin(echo, "::1");
  await using scene = new Scene();
  const authority = `[::1]:${origin.port}`;
  const answer = await scene.ask(requestTo(authority));
  assert.equal(answer.body, "GET / HTTP/1.1|");
  assert.match(
    (await origin.peer()).got,
    new RegExp(`\r\nHost: \\[::1\\]:${origin.port}\r\n`),
  );
  const client = await scene.client();
  await client.send(`CONNECT ${authority} HTTP/1.1\r\n\r\n`);
  assert.match((await client.message({ isBodiless: true })).start, / 200 /);
  await client.send(requestTo("x"));
  assert.equal((await client.message()).body, "GET http://x/ HTTP/1.1|");
});

Deno.test("fields for one hop stay there, others pass to the letter and in order", async () => {
  await using origin = new Origin(answering(
    "HTTP/1.1 200 OK\r\nX-One: 1\r\nConnection: X-Hop, close\r\nX-Hop: secret\r\n" +
      "Keep-Alive: timeout=1\r\nProxy-Authenticate: Basic\r\nSet-Cookie: a\r\n" +
      "Set-Cookie: b\r\nContent-Length: 0\r\n\r\n",
  ));
  await using scene = new Scene();
  const fields = "X-B: 1\r\nx-A:  2, 3  \r\nX-B: \xe9\r\nConnection: X-Hop\r\n" +
    "Connection: keep-alive\r\nX-Hop: secret\r\nKeep-Alive: 1\r\nProxy-Connection: a\r\n" +
    "TE: gzip\r\nUpgrade: \r\nProxy-Authorization: Basic eDp5\r\nVia: 1.1 other\r\n";
  const answer = await scene.ask(requestTo(origin.authority, { fields }));
  assert.deepEqual(
    answer.fields.filter(([name]) => !/^(via|connection|keep-alive)$/i.test(name)),
    [["X-One", "1"], ["Set-Cookie", "a"], ["Set-Cookie", "b"], ["Content-Length", "0"]],
  );
  assert.match(valuesOf(answer, "via")[0]!, /^1\.1 norouter-[0-9a-f]{8}$/);
  assert.deepEqual(
    valuesOf(answer, "connection"),
    ["keep-alive"],
    "that is the client's hop",
  );
  const { got } = await origin.peer();
  assert.match(
    got,
    /^GET \/ HTTP\/1.1\r\nHost: \S+\r\nX-B: 1\r\nx-A: 2, 3\r\nX-B: \xe9\r\nVia: 1.1 other\r\nVia: 1.1 norouter-\w+\r\nConnection: keep-alive\r\n\r\n$/,
  );
});

Deno.test("a length that Connection names stays with its body", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene();
  const body = requestTo(origin.authority, { path: "/hidden" });
  const fields = `${sized(body)}Connection: Content-Length, Host, Transfer-Encoding\r\n`;
  const answer = await scene.ask(
    requestTo(origin.authority, { method: "POST", fields, body }),
  );
  assert.equal(answer.body, `POST / HTTP/1.1|${body}`);
});

Deno.test("a length behind thousands of fields is not lost", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene();
  for (const framing of [sized("hello"), CHUNKED]) {
    const body = framing === CHUNKED ? "5\r\nhello\r\n0\r\n\r\n" : "hello";
    const answer = await scene.ask(requestTo(origin.authority, {
      method: "POST",
      fields: "a: b\r\n".repeat(5000) + framing,
      body,
    }));
    assert.equal(answer.body, "POST / HTTP/1.1|hello");
  }
  assert.deepEqual(origin.failures, []);
});

Deno.test("a request that comes back to the proxy is a loop", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene();
  await scene.ask(requestTo(origin.authority));
  const [via] = /1\.1 norouter-\w+/.exec((await origin.peer()).got) ?? [];
  const fields = `Via: 1.0 x, ${via}\r\n`;
  const authority = `user:secret@${origin.authority}`;
  const answer = await scene.ask(requestTo(authority, { fields }));
  assert.equal(
    lineOf(answer),
    `508 ${origin.authority}/ comes back to this proxy: a loop`,
  );
});

Deno.test("a tunnel to the proxy itself is a loop, by name too", async () => {
  await using scene = new Scene();
  const shown = `127.0.0.1:${scene.port}`;
  for (const authority of [shown, `localhost:${scene.port}`]) {
    const answer = await scene.ask(
      `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`.repeat(50),
    );
    assert.equal(lineOf(answer), `508 ${shown} comes back to this proxy: a loop`);
  }
  assert.equal(scene.connects, 2);
});

Deno.test({
  name: "of too many clients the oldest that says nothing is ended, or the new one told",
  ignore: close !== "reset",
  async fn() {
    await using silent = new Origin(async (peer) => void await peer.rest());
    const told: string[] = [];
    await using scene = new Scene({
      mostClients: 2,
      onFull: (message) => told.push(message),
    });
    const tunnel = await scene.client(); // does not count
    await tunnel.send(`CONNECT ${silent.authority} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await tunnel.take(39);
    const asking = await scene.client();
    await asking.send(requestTo(silent.authority));
    await until("its request to be under way", () => scene.connects === 2);
    const idle = await scene.client();
    await until("all to be served", () => scene.serving === 3);
    const newcomer = await scene.client();
    await idle.rest();
    assert.equal(idle.end, "reset");
    await newcomer.send(requestTo(silent.authority));
    await until("the second request to be under way", () => scene.connects === 3);
    const answer = await scene.ask(requestTo(silent.authority));
    assert.equal(
      lineOf(answer),
      "503 This proxy has 2 clients at a time; try again",
    );
    assert.deepEqual(told, [
      "The HTTP proxy has 2 clients at a time and ended the oldest that asks for nothing",
      "The HTTP proxy has 2 clients at a time and turned one away",
    ]);
    assert.deepEqual([asking.end, tunnel.end], [undefined, undefined]);
  },
});

Deno.test("a request to the proxy itself is a loop, with a password and for an upgrade too", async () => {
  await using open = new Scene();
  await using strict = new Scene({ auth });
  const right = basic("ann:päss:word");
  for (const scene of [open, strict]) {
    const authority = `127.0.0.1:${scene.port}`;
    for (const fields of [right, right + UPGRADE]) {
      const answer = await scene.ask(requestTo(authority, { path: "/x", fields }));
      assert.equal(lineOf(answer), `508 ${authority}/x comes back to this proxy: a loop`);
    }
  }
  const direct = await open.ask("GET /x HTTP/1.1\r\nHost: x\r\nVia: 1.1 other\r\n\r\n");
  assert.match(lineOf(direct), /^400 "\/x" is not an absolute URL: /);
});

// ---- keep-alive and pipelining ----

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

// ---- bodies ----

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

/** Far above what the kernel and the proxy hold, far below what a test may take. */
const HUGE = 64 * 1024 * 1024;

/** Reads `count` bytes. */
async function drain({ socket }: Peer, count: number): Promise<void> {
  for (const chunk = new Uint8Array(1 << 20); count > 0;) {
    const got = await socket.read(chunk);
    assert.ok(got !== null, `${count} bytes are missing`);
    count -= got;
  }
}

/** Writes up to HUGE bytes, and tells how many were taken when nothing moves any more. */
async function flood(write: (text: string) => Promise<void>) {
  const block = "x".repeat(65_536);
  let sent = 0;
  const sending = (async () => {
    for (; sent < HUGE; sent += block.length) await write(block);
  })();
  sending.catch(() => {});
  let before = -1;
  await until("a standstill of the sender", () => {
    const still = sent === before && sent > 0;
    before = sent;
    return still;
  }, { everyMs: 250 });
  return { sending, held: sent };
}

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

// ---- 1xx ----

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

// ---- what the proxy answers itself ----

function failing(failure: ConstructorParameters<typeof DialError>[0]) {
  return {
    connect: (host: string, port: number) =>
      Promise.reject(new DialError(failure, `${host}:${port}`)),
  };
}

Deno.test("a target that cannot be reached is told with name and reason", async () => {
  const cases = [
    ["refused", 502, "connection_refused"],
    ["host-unreachable", 502, "destination_ip_unroutable"],
    ["network-unreachable", 502, "destination_ip_unroutable"],
    ["host-unknown", 502, "dns_error"],
    ["prohibited", 502, "destination_ip_prohibited"],
    ["timed-out", 504, "connection_timeout"],
    ["failed", 502, "proxy_internal_error"],
  ] as const;
  for (const [failure, status, name] of cases) {
    await using scene = new Scene({ connector: failing(failure) });
    const line = `${status} Cannot connect to db.test:81 (${failure.replace("-", " ")})`;
    const requests = [
      requestTo("u:secret@db.test:81"),
      "CONNECT db.test:81 HTTP/1.1\r\n\r\n",
      requestTo("db.test:81", { fields: "Connection: Upgrade\r\nUpgrade: x\r\n" }),
    ];
    for (const request of requests) {
      const answer = await scene.ask(request);
      assert.equal(lineOf(answer), line);
      const details = line.slice(4);
      assert.deepEqual(valuesOf(answer, "proxy-status"), [
        `norouter; error=${name}; details="${details}"`,
      ]);
    }
  }
});

Deno.test("a real refusal and an unknown name are told, and the client can go on", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene();
  const refused = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = refused.addr;
  refused.close();
  const client = await scene.client();
  await client.send(requestTo(`127.0.0.1:${port}`));
  assert.match(
    lineOf(await client.message()),
    new RegExp(`^502 .*127.0.0.1:${port} .refused`),
  );
  await client.send(requestTo("nobody.invalid"));
  assert.match(lineOf(await client.message()), /^502 .*nobody\.invalid:80 .host unknown/);
  await client.send(requestTo(origin.authority));
  assert.equal((await client.message()).body, "GET / HTTP/1.1|");
});

Deno.test("a target that is none is told, without the password in it", async () => {
  await using scene = new Scene();
  const cases = [
    ["GET ftp://u:secret@x.test/ HTTP/1.1", /^400 "ftp:\/\/x\.test\/": only http:/],
    ["GET https://u:secret@x.test/ HTTP/1.1", /^400 .*schemes use CONNECT/],
    ["GET http://u:secret@:80/ HTTP/1.1", /^400 /],
    ["GET http://u:secret@x.test:99999/ HTTP/1.1", /^400 .*99999/],
    ["GET http://u:se:cret:secret@x.test:0/ HTTP/1.1", /^400 /],
    ["GET /path?p=u:secret@ HTTP/1.1", /^400 .*not an absolute URL/],
    ["CONNECT u:secret@x.test HTTP/1.1", /^400 .*no port/],
    ["CONNECT u:secret@x.test:0 HTTP/1.1", /^400 /],
    ["CONNECT http://u:secret@x.test/ HTTP/1.1", /^400 /],
  ] as const;
  for (const [start, expected] of cases) {
    const line = lineOf(await scene.ask(`${start}\r\nHost: x.test\r\n\r\n`));
    assert.match(line, expected, start);
    if (!start.includes("/path")) assert.doesNotMatch(line, /secret|u:/, start);
  }
  assert.equal(scene.connects, 0);
});

Deno.test("an answer that cannot be understood is told with the server's name", async () => {
  const answers: [string, RegExp][] = [
    ["SSH-2.0-OpenSSH\r\n", /"SSH-2.0-OpenSSH" is no status line of HTTP.*curl -p/],
    ["", /closed|hang up|reset/i],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", /Length/i],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", /gzip/],
    ["HTTP/1.1 101 Why\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", /unasked/],
    [`HTTP/1.1 200 OK\r\nX: ${"x".repeat(300_000)}\r\n\r\n`, /Header|large|overflow/i],
  ];
  for (const [answer, expected] of answers) {
    await using origin = new Origin(async (peer) => {
      await peer.message();
      await peer.send(answer).catch(() => {});
    });
    await using scene = new Scene();
    const line = lineOf(await scene.ask(requestTo(origin.authority)));
    assert.match(
      line,
      new RegExp(`^502 The answer of ${origin.authority} cannot be used: `),
    );
    assert.match(line, expected);
  }
});

Deno.test("a status that ends nothing is told, to one that asked for an upgrade as well", async () => {
  for (const start of ["101 Switching", "099 x", "000 x"]) {
    await using origin = new Origin(async (peer) => {
      await peer.message();
      await peer.send(`HTTP/1.1 ${start}\r\n\r\n`);
      await peer.rest();
    });
    await using scene = new Scene();
    for (const fields of ["", UPGRADE]) {
      const line = lineOf(await scene.ask(requestTo(origin.authority, { fields })));
      const why = `the status ${Number(start.slice(0, 3))} is not the last word`;
      assert.ok(line.startsWith("502 The answer of ") && line.includes(why), line);
    }
  }
});

Deno.test("a reason phrase that is none is replaced", async () => {
  await using origin = new Origin(answering(plain("x", "404 a\x01b")));
  await using scene = new Scene();
  for (const fields of ["", UPGRADE]) {
    const answer = await scene.ask(requestTo(origin.authority, { fields }));
    assert.equal(answer.start, "HTTP/1.1 404 Not Found");
  }
});

Deno.test("Trailer is passed on with chunks only, and in their place harms nobody", async () => {
  const chunks = `${CHUNKED}Trailer: x\r\n\r\n`;
  const body = "2\r\nok\r\n0\r\nX: 1\r\n\r\n";
  const cases: [request: { method?: string; fields?: string }, answer: string][] = [
    [{}, plain("ok").replace("\r\n", "\r\nTrailer: x\r\n")],
    [{ fields: UPGRADE }, plain("ok").replace("\r\n", "\r\nTrailer: x\r\n")],
    [{ method: "HEAD" }, `HTTP/1.1 200 OK\r\n${chunks}`],
    [{}, "HTTP/1.1 304 Not Modified\r\nTrailer: x\r\n\r\n"],
    [{}, `HTTP/1.1 200 OK\r\n${chunks}${body}`],
  ];
  for (const [request, said] of cases) {
    await using origin = new Origin(answering(said));
    await using scene = new Scene();
    const isBodiless = request.method === "HEAD";
    const answer = await scene.ask(requestTo(origin.authority, request), { isBodiless });
    assert.equal(answer.start, said.split("\r\n")[0]);
    const isChunked = said.endsWith(body);
    assert.deepEqual(valuesOf(answer, "trailer"), isChunked ? ["x"] : []);
    assert.deepEqual(answer.trailers, isChunked ? [["X", "1"]] : []);
  }
  await using origin = new Origin(answering(`HTTP/1.1 200 OK\r\n${chunks}${body}`));
  await using scene = new Scene();
  const old = await scene.client();
  await old.send(`GET http://${origin.authority}/ HTTP/1.0\r\n\r\n`);
  const got = await old.rest();
  assert.match(got, /^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\nok$/);
  assert.doesNotMatch(got, /trailer/i);
  const fields = `Trailer: x\r\n${sized("hi")}`;
  await scene.ask(requestTo(origin.authority, { method: "POST", fields, body: "hi" }));
  assert.doesNotMatch((await origin.peer()).got, /trailer/i);
});

Deno.test("a header beyond 64 KiB is answered with 431, one below passes", async () => {
  await using origin = new Origin(answering(({ fields }) => {
    return plain(`${valuesOf({ fields }, "x-long")[0]?.length}`);
  }));
  await using scene = new Scene();
  const long = (length: number) => ({ fields: `X-Long: ${"x".repeat(length)}\r\n` });
  const fine = await scene.ask(requestTo(origin.authority, long(65_000)));
  assert.equal(fine.body, "65000");
  const client = await scene.client();
  await client.send(requestTo(origin.authority)); // also for a second request
  await client.message();
  for (const one of [client, await scene.client()]) {
    await one.send(requestTo(origin.authority, long(66_000)));
    assert.equal(
      lineOf(await one.message()),
      "431 The header of the request is too large",
    );
    await one.rest();
    assert.equal(one.end, "clean");
  }
  const url = await scene.ask(
    requestTo(origin.authority, { path: `/${"x".repeat(66_000)}` }),
  );
  assert.match(url.start, /^HTTP\/1.1 431 /);
});

Deno.test("a header that drips is given up at the limit, on a second request as well", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene({ headerLimitMs: 400 });
  for (const isSecond of [false, true]) {
    const client = await scene.client();
    if (isSecond) {
      await client.send(requestTo(origin.authority));
      await client.message();
    }
    const from = performance.now();
    let isOver = false;
    const dripping = (async () => {
      for (
        const byte of requestTo(origin.authority, { fields: "X: y\r\n".repeat(100) })
      ) {
        if (isOver) return;
        await client.send(byte);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })().catch(() => {});
    const answer = await client.message();
    assert.equal(lineOf(answer), "408 The header of the request was too long in coming");
    const took = performance.now() - from;
    assert.ok(took >= 350 && took < 4000, `${took} ms`);
    isOver = true;
    await dripping;
    await client.rest();
  }
});

Deno.test("clients that are idle are given up, those that never said a word and others", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene({ headerLimitMs: 400, clientIdleMs: 300 });
  const clients = await Promise.all(Array.from({ length: 60 }, () => scene.client()));
  for (const client of clients.slice(30)) {
    await client.send(requestTo(origin.authority));
    await client.message();
  }
  await Promise.all(clients.map((client) => client.rest()));
  for (const client of clients.slice(0, 30)) assert.match(client.got, /^HTTP\/1.1 408 /);
  await until("nobody is served", () => scene.serving === 0);
});

Deno.test("a client that sends nothing but empty lines is given up", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene({ headerLimitMs: 200, clientIdleMs: 300 });
  const [one, many, early] = [
    await scene.client(),
    await scene.client(),
    await scene.client(),
  ];
  for (const client of [one, many]) {
    await client.send(requestTo(origin.authority));
    await client.message();
    await client.send("\r\n");
  }
  await early.send("\r\n");
  let isOver = false;
  const dripping = (async () => {
    while (!isOver) {
      await many.send("\r\n");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })().catch(() => {});
  await within(
    "the end of them all",
    Promise.all([one, many, early].map(async (client) => {
      await client.rest();
      client.close();
    })),
    10_000,
  ).finally(() => isOver = true);
  await dripping;
  await until("nobody is served", () => scene.serving === 0);
});

Deno.test("a refusal reaches a client that is in the middle of a large body", async () => {
  await using scene = new Scene({ auth: { username: "u", password: "p" } });
  const client = await scene.client();
  const fields = "Content-Length: 8000000\r\n";
  await client.send(
    requestTo("x.test", { method: "POST", fields, body: "x".repeat(8_000_000) }),
  );
  assert.match((await client.message()).start, / 407 /);
  await client.rest();
  assert.equal(client.end, "clean");
});

// ---- auth ----

const auth = { username: "ann", password: "p\u00e4ss:word" };

function basic(credentials: string): string {
  return `Proxy-Authorization: Basic ${
    new TextEncoder().encode(credentials).toBase64()
  }\r\n`;
}

Deno.test("without the right password nothing is served, in any way", async () => {
  await using origin = new Origin(echo);
  await using scene = new Scene({ auth });
  const asked = "407 This proxy asks for a user name and a password";
  const wrong = "407 Wrong user name or password for this proxy";
  const cases: [fields: string, expected: string][] = [
    ["", asked],
    ["Proxy-Authorization: Basic\r\n", asked],
    ["Proxy-Authorization: Basic !!!\r\n", asked],
    ["Proxy-Authorization: Basic YW5u\r\n", asked], // no colon
    ["Proxy-Authorization: Bearer x\r\n", asked],
    ["Proxy-Authorization: Basic /w==\r\n", asked], // no UTF-8
    [
      `Authorization: Basic ${new TextEncoder().encode("ann:päss:word").toBase64()}\r\n`,
      asked,
    ],
    [basic("ann:wrong"), wrong],
    [basic("ann:päss"), wrong],
    [basic("Ann:päss:word"), wrong],
    [basic(":"), wrong],
  ];
  for (const [fields, expected] of cases) {
    const upgrade = `${fields}Connection: Upgrade\r\nUpgrade: x\r\n`;
    const requests = [
      requestTo(origin.authority, { fields }),
      requestTo(origin.authority, { fields: upgrade }),
      `CONNECT ${origin.authority} HTTP/1.1\r\n${fields}\r\n`,
    ];
    for (const request of requests) {
      const answer = await scene.ask(request);
      assert.equal(lineOf(answer), expected, fields);
      assert.match(valuesOf(answer, "proxy-authenticate")[0]!, /^Basic realm="NoRouter"/);
    }
  }
  assert.equal(origin.peers.length, 0);
  const client = await scene.client(); // which may try again on its connection
  await client.send(requestTo(origin.authority));
  await client.message();
  await client.send(requestTo(origin.authority, { fields: basic("ann:päss:word") }));
  assert.equal((await client.message()).body, "GET / HTTP/1.1|");
  assert.deepEqual(origin.failures, []);
});

Deno.test("the proxy's password is never passed on", async () => {
  await using origin = new Origin(async (peer) => {
    const request = await peer.message();
    if (!request.start.includes("/up")) return await peer.send(plain(""));
    await peer.send(
      "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    );
  });
  await using scene = new Scene({ auth });
  const right = basic("ann:päss:word");
  const upgrade = `${right}Connection: Upgrade\r\nUpgrade: x\r\n`;
  assert.match(
    (await scene.ask(requestTo(origin.authority, { fields: right }))).start,
    / 200 /,
  );
  const up = requestTo(origin.authority, { path: "/up", fields: upgrade });
  assert.match((await scene.ask(up)).start, / 101 /);
  const named = `${right}Connection: proxy-authorization\r\nAuthorization: Basic own\r\n`;
  await scene.ask(requestTo(origin.authority, { fields: named }));
  const tunnel = await scene.client();
  await tunnel.send(`CONNECT ${origin.authority} HTTP/1.1\r\n${right}\r\n`);
  assert.match((await tunnel.message({ isBodiless: true })).start, / 200 /);
  await tunnel.send(requestTo("x"));
  await tunnel.message();
  assert.equal(origin.peers.length >= 3, true);
  for (const { got } of origin.peers) assert.doesNotMatch(got, /proxy-authorization/i);
  assert.match(
    origin.peers.map(({ got }) => got).join(""),
    /\r\nAuthorization: Basic own/,
  );
});

// ---- tunnels ----

/** Sends back what comes, and ends its direction when the other has. */
const echoBytes = async (peer: Peer) => {
  for (const chunk = new Uint8Array(65_536);;) {
    const got = await peer.socket.read(chunk);
    if (got === null) break;
    peer.got += "x".repeat(got);
    for (let at = 0; at < got;) at += await peer.socket.write(chunk.subarray(at, got));
  }
  await peer.closeWrite();
};

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

// ---- upgrades ----

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

// ---- tunnels behind requests ----

for (const [kind, status] of [["CONNECT", "200"], ["an upgrade", "101"]] as const) {
  /** Asks `authority` for a tunnel, behind which comes "early". */
  const tunnelTo = (authority: string) =>
    kind === "CONNECT"
      ? `CONNECT ${authority} HTTP/1.1\r\nHost: x\r\n\r\nearly`
      : requestTo(authority, { fields: UPGRADE }) + "early";
  /** Makes a tunnel, and sends back what comes through it. */
  const tunnelEnd = async (peer: Peer) => {
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

// ---- what breaks off ----

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

// ---- clients that end their direction ----

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

// ---- smuggling ----

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
