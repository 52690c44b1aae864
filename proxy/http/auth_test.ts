import assert from "node:assert/strict";
import { Origin, plain, Scene } from "./_fake_http.ts";
import { valuesOf } from "./_fake_http_reader.ts";
import { auth, basic, echo, lineOf, requestTo } from "./_requests.ts";

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
