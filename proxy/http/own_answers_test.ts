import assert from "node:assert/strict";
import { until, within } from "../../tests/harness/scene/wait.ts";
import { inWords } from "../edge/dial.ts";
import { answering, Origin, plain, Scene } from "./_fake_http.ts";
import { valuesOf } from "./_fake_http_reader.ts";
import {
  CHUNKED,
  echo,
  failing,
  lineOf,
  requestTo,
  sized,
  UPGRADE,
} from "./_requests.ts";

Deno.test("a target that cannot be reached is told with name and reason", async () => {
  const cases = [
    ["refused", 502, "connection_refused"],
    ["host-unreachable", 502, "destination_ip_unroutable"],
    ["network-unreachable", 502, "destination_ip_unroutable"],
    ["host-unknown", 502, "dns_error"],
    ["prohibited", 502, "destination_ip_prohibited"],
    ["timed-out", 504, "connection_timeout"],
    ["forbidden", 403, "http_request_denied"],
    ["failed", 502, "proxy_internal_error"],
  ] as const;
  for (const [failure, status, name] of cases) {
    await using scene = new Scene({ connector: failing(failure) });
    const line = `${status} Cannot connect to db.test:81 (${inWords(failure)})`;
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
