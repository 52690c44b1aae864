import assert from "node:assert/strict";
import http from "node:http";
import { until } from "../../tests/harness/scene/wait.ts";
import { canReset } from "../edge/reset.ts";
import { answering, Origin, Scene } from "./_fake_http.ts";
import { valuesOf } from "./_fake_http_reader.ts";
import {
  auth,
  basic,
  CHUNKED,
  echo,
  lineOf,
  requestTo,
  sized,
  UPGRADE,
} from "./_requests.ts";

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

Deno.test("a client of SOCKS is refused in its own words, one of TLS in ours, and both are told", async () => {
  const warnings: string[] = [];
  await using scene = new Scene({
    warn: (message, { remoteAddr, localAddr }) => {
      assert.equal(localAddr.port, scene.port);
      assert.notEqual(remoteAddr.port, scene.port);
      warnings.push(message);
    },
  });
  const cases = [
    ["SOCKS5", "\x05\x01\x00", "\x05\xff"],
    ["SOCKS4", "\x04\x01\x00\x50\x7f\x00\x00\x01\x00", "\x00\x5b\0\0\0\0\0\0"],
    ["TLS", "\x16\x03\x01\x02\x00\x01\n\n", "HTTP/1.1 400 "],
  ] as const;
  for (const [, sent, answer] of cases) {
    const client = await scene.client();
    await client.send(sent);
    assert.ok((await client.rest()).startsWith(answer));
    assert.equal(client.end, "clean");
  }
  assert.deepEqual(
    warnings,
    cases.map(([speaks]) =>
      `A client of the HTTP proxy speaks ${speaks}, and this is the port for HTTP`
    ),
  );
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
  ignore: !canReset(),
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
