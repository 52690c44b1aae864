import assert from "node:assert/strict";
import { until } from "../../../tests/harness/scene/wait.ts";
import { answering, Origin, plain, Scene } from "../_fake_http.ts";
import type { HttpPeer } from "../_fake_http_peer.ts";
import { valuesOf } from "../_fake_http_reader.ts";
import { bindsConnection } from "./origins.ts";

function requestTo(
  authority: string,
  { method = "GET", fields = "", body = "" } = {},
): string {
  const length = method === "POST" ? `Content-Length: ${body.length}\r\n` : "";
  return `${method} http://${authority}/ HTTP/1.1\r\nHost: x\r\n${fields}${length}\r\n${body}`;
}

Deno.test("connections are used again by other clients, and are as many as are needed", async () => {
  let under = 0;
  const all = Promise.withResolvers<void>();
  await using origin = new Origin(async (peer) => {
    for (;;) {
      await peer.message();
      if (++under === 10) all.resolve();
      await all.promise; // ten at a time
      await peer.send(plain("x"));
    }
  });
  await using scene = new Scene();
  const ask = async () => (await scene.ask(requestTo(origin.authority))).body;
  const answers = await Promise.all(Array.from({ length: 10 }, ask));
  assert.deepEqual(answers, Array(10).fill("x"));
  assert.equal(origin.peers.length, 10);
  for (let i = 0; i < 30; i++) assert.equal(await ask(), "x");
  assert.equal(origin.peers.length, 10);
  assert.equal(scene.connects, 10);
});

Deno.test("different ports of a host are different servers", async () => {
  await using one = new Origin(answering(plain("one")));
  await using other = new Origin(answering(plain("other")));
  await using scene = new Scene();
  const client = await scene.client();
  for (let i = 0; i < 3; i++) {
    for (const [origin, body] of [[one, "one"], [other, "other"]] as const) {
      await client.send(requestTo(origin.authority));
      assert.equal((await client.message()).body, body);
    }
  }
  assert.equal(scene.connects, 2);
});

Deno.test("a connection that nobody uses is let go of, before servers do", async () => {
  await using origin = new Origin(answering(plain("x")));
  await using scene = new Scene();
  await scene.ask(requestTo(origin.authority));
  const from = performance.now();
  await until("the end of the connection", () => origin.peers[0]!.end);
  const took = performance.now() - from;
  assert.ok(took > 2500 && took < 5000, `${took} ms`);
});

Deno.test("an answer that says close is the last on its connection", async () => {
  await using origin = new Origin(answering(
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
  ));
  await using scene = new Scene();
  for (let i = 0; i < 3; i++) await scene.ask(requestTo(origin.authority));
  assert.equal(origin.peers.length, 3);
});

/** A server that reads the second request of its first connection and closes it. */
function faithless(how: "close" | "reset"): Origin {
  return new Origin(async (peer, index) => {
    for (let count = 0;; count++) {
      await peer.message();
      if (index === 0 && count === 1) {
        return how === "close" ? peer.close() : peer.reset();
      }
      await peer.send(plain(`${index}`));
    }
  });
}

for (const how of ["close", "reset"] as const) {
  Deno.test(`a ${how} of a kept connection costs no request, and none is sent twice`, async () => {
    for (const method of ["GET", "POST"]) {
      await using origin = faithless(how);
      await using scene = new Scene();
      const client = await scene.client();
      await client.send(requestTo(origin.authority));
      assert.equal((await client.message()).body, "0");
      await client.send(requestTo(origin.authority, { method, body: "" }));
      assert.equal((await client.message()).body, "1");
      const got = origin.peers.map((peer) => peer.got).join("");
      const count = got.split(`${method} / HTTP/1.1`).length - 1;
      assert.equal(count, method === "GET" ? 3 : 1, "POST goes over a new connection");
    }
  });

  Deno.test(`a ${how} of a client's own connection under a POST ends the client's likewise`, async () => {
    await using origin = faithless(how);
    await using scene = new Scene();
    const client = await scene.client();
    const fields = "Authorization: NTLM hi\r\n";
    await client.send(requestTo(origin.authority, { fields }));
    assert.equal((await client.message()).body, "0");
    await client.send(requestTo(origin.authority, { method: "POST", body: "x" }));
    assert.equal(await client.rest(), "", "so it knows that nothing was answered");
    assert.equal(client.end, "clean");
    assert.equal(origin.peers.length, 1);
  });
}

/** POSTs on a client's connection until one goes over a connection that had served before. */
async function postUntilKept(origin: Origin, client: HttpPeer): Promise<void> {
  await until("a POST over a kept connection", async () => {
    const before = origin.peers.length;
    await client.send(requestTo(origin.authority, { method: "POST", body: "x" }));
    assert.match((await client.message()).start, / 200 /);
    return origin.peers.length === before;
  });
}

Deno.test("of a server that keeps its connections POSTs share them as well", async () => {
  await using origin = new Origin(answering(plain("x")));
  await using scene = new Scene();
  const client = await scene.client();
  await postUntilKept(origin, client);
  const other = await scene.client();
  const before = origin.peers.length;
  await other.send(requestTo(origin.authority, { method: "POST", body: "x" }));
  await other.message();
  assert.equal(origin.peers.length, before + 1, "but not a client's first request");
});

Deno.test("a kept connection that is closed under a POST ends the client's likewise", async () => {
  let isOver = false;
  await using origin = new Origin(async (peer) => {
    for (let count = 0;; count++) {
      await peer.message();
      if (isOver && count > 0) return;
      await peer.send(plain("x"));
    }
  });
  await using scene = new Scene();
  const client = await scene.client();
  await postUntilKept(origin, client);
  isOver = true;
  await client.send(requestTo(origin.authority, { method: "POST", body: "x" }));
  assert.equal(await client.rest(), "", "no 502, and nothing was answered");
  const next = await scene.client();
  for (let i = 0; i < 5; i++) {
    await next.send(requestTo(origin.authority, { method: "POST", body: "x" }));
    assert.match((await next.message()).start, / 200 /, "the server is trusted no more");
  }
});

Deno.test("1000 POSTs to a server that closes after each answer, without a word, all arrive", async () => {
  let served = 0;
  await using origin = new Origin(async (peer) => {
    await peer.message();
    served++;
    await peer.send(plain("x"));
  });
  await using scene = new Scene();
  const client = await scene.client();
  for (let i = 0; i < 1000; i++) {
    await client.send(requestTo(origin.authority, { method: "POST", body: `${i}` }));
    assert.equal((await client.message()).start, "HTTP/1.1 200 OK");
  }
  assert.equal(served, 1000);
});

Deno.test("a new connection that fails is not tried again", async () => {
  await using origin = new Origin(async (peer) => void await peer.message());
  await using scene = new Scene();
  const answer = await scene.ask(requestTo(origin.authority));
  assert.match(answer.start, / 502 /);
  assert.equal(origin.peers.length, 1);
});

Deno.test("an answer that nobody asked for spoils no request", async () => {
  await using origin = new Origin(async (peer, index) => {
    await peer.message();
    await peer.send(plain(`${index}`) + (index === 0 ? plain("poison") : ""));
    await peer.rest();
  });
  await using scene = new Scene();
  const client = await scene.client();
  await client.send(requestTo(origin.authority));
  assert.equal((await client.message()).body, "0");
  await until("the end of that connection", () => origin.peers[0]!.end);
  await client.send(requestTo(origin.authority));
  assert.equal((await client.message()).body, "1");
});

Deno.test("a client that left does not keep its connection from others", async () => {
  await using origin = new Origin(async (peer, index) => {
    await peer.message();
    if (index > 0) await peer.send(plain("x"));
    await peer.rest();
  });
  await using scene = new Scene();
  const gone = await scene.client();
  await gone.send(requestTo(origin.authority));
  await origin.peer();
  gone.reset();
  await until("the origin's end", () => origin.peers[0]!.end);
  assert.equal((await scene.ask(requestTo(origin.authority))).body, "x");
});

Deno.test("NTLM and Negotiate are known among others, in any case", () => {
  for (const value of ["NTLM", "ntlm TlRM", "Basic realm=x, NTLM", "Negotiate,Basic"]) {
    assert.ok(bindsConnection(value), value);
  }
  for (const value of ["", "Basic TlRM", "NTLMv9", 'Digest realm="my ntlm"']) {
    assert.ok(!bindsConnection(value), value);
  }
});

/** A server that knows who logged in by the connection, as RFC 4559 has it. */
function ntlm(): Origin {
  return new Origin(async (peer) => {
    let who: string | undefined;
    let wasAsked = false;
    const talk = answering(({ fields }) => {
      const [, said] =
        /^NTLM (.*)$/.exec(valuesOf({ fields }, "authorization")[0] ?? "") ??
          [];
      if (said !== undefined && wasAsked) who = said;
      wasAsked = said !== undefined;
      if (who) return plain(`hello ${who}`);
      const challenge = `WWW-Authenticate: Basic realm="x", NTLM${wasAsked ? " ch" : ""}`;
      return plain("who?", `401 Unauthorized\r\n${challenge}`);
    });
    await talk(peer);
  });
}

Deno.test("a connection that a client authenticated serves nobody else, and ends with it", async () => {
  await using origin = ntlm();
  await using scene = new Scene();
  const ask = async (client: HttpPeer, login = "") => {
    const fields = login ? `Authorization: ${login}\r\n` : "";
    await client.send(requestTo(origin.authority, { fields }));
    return (await client.message()).body;
  };
  const [alice, bob] = [await scene.client(), await scene.client()];
  assert.equal(await ask(alice), "who?");
  await until("the end of a connection that NTLM may begin on", () => {
    return origin.peers[0]!.end;
  });
  assert.equal(await ask(alice, "NTLM hi"), "who?");
  assert.equal(await ask(alice, "NTLM alice"), "hello alice");
  assert.equal(await ask(alice), "hello alice");
  assert.equal(await ask(bob), "who?");
  assert.equal(await ask(bob, "Negotiate bob"), "who?");
  assert.equal(await ask(bob, "Basic Ym9i"), "who?");
  assert.equal(await ask(alice), "hello alice");
  assert.equal(origin.peers[1]!.end, undefined);
  alice.close();
  await until("the end of her connection", () => origin.peers[1]!.end);
});
