import assert from "node:assert/strict";
import fc from "fast-check";
import { until } from "../../tests/harness/scene/wait.ts";
import { Origin, plain, Scene } from "./_fake_http.ts";
import { readMessage } from "./_fake_http_reader.ts";
import { CORPUS, TOKENS } from "./_corpus.ts";
import { dial, DialError } from "../edge/dial.ts";
import { SocketStream } from "../edge/stream.ts";
import { ODDITIES } from "./_oddities.ts";
import { formatHostPort } from "../../wire/text.ts";

const SEED = 20_240_607;
const ROUNDS = 10_000;
/** Clients at a time. */
const LANES = 8;

/** Ends the connection, if what came before it did not. */
const LAST = "GET http://A/last HTTP/1.1\r\nHost: A\r\nConnection: close\r\n\r\n";
/** After so long without the end, the client ends. */
const PATIENCE_MS = 100;

/** mulberry32: the same numbers in every run. */
function randomOf(seed: number): (below: number) => number {
  return (below) => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) % below;
  };
}

function mutate(random: (below: number) => number): string {
  const pick = (list: readonly string[]) => list[random(list.length)]!;
  let text = pick(CORPUS);
  for (let left = random(4); left >= 0; left--) {
    const at = random(text.length + 1);
    const end = Math.min(text.length, at + 1 + random(12));
    switch (random(6)) {
      case 0: // flip a bit
        text = text.slice(0, at) +
          String.fromCharCode(((text.charCodeAt(at) || 0) ^ 1 << random(8)) & 255) +
          text.slice(at + 1);
        break;
      case 1: // cut
        text = text.slice(0, at) + text.slice(end);
        break;
      case 2: // insert
      case 3:
        text = text.slice(0, at) + pick(TOKENS) + text.slice(at);
        break;
      case 4: // duplicate
        text = text.slice(0, end) + text.slice(at);
        break;
      case 5: { // splice two
        const other = pick(CORPUS);
        text = text.slice(0, at) + other.slice(random(other.length));
      }
    }
  }
  return text;
}

Deno.test("whatever a client sends, an origin gets whole and clear requests, and all ends", async () => {
  const wrong: string[] = [];
  await using origin = new Origin(async (peer) => {
    for (let at = 0;;) {
      let got;
      try {
        while (!(got = readMessage(peer.got, at))) {
          // A message that breaks off has to be the last, and the connection with it.
          if (!await peer.more()) return;
        }
      } catch (error) {
        wrong.push(`${error}: ${JSON.stringify(peer.got.slice(at, at + 400))}`);
        return;
      }
      at = got.end;
      const { start } = got.message;
      const answer = plain(start);
      const head = answer.slice(0, answer.indexOf("\r\n\r\n") + 4);
      await peer.send(start.startsWith("HEAD ") ? head : answer);
    }
  });
  await using scene = new Scene({
    headerLimitMs: 2000,
    connector: {
      connect: async (host, port) => {
        // A host can be anything by now.
        const isOurs = host === "127.0.0.1" && port === origin.port;
        if (!isOurs) throw new DialError("refused", formatHostPort(host, port));
        return new SocketStream(await dial(host, port));
      },
    },
  });
  const random = randomOf(SEED);
  let answered = 0, refused = 0, round = 0;
  const lane = async () => {
    while (round++ < ROUNDS) {
      const text = (mutate(random) + LAST).replaceAll("//A", `//${origin.authority}`);
      const client = await scene.client();
      const cut = random(text.length + 1);
      try {
        await client.send(text.slice(0, cut)); // in two parts, as a network may cut it
        await client.send(text.slice(cut));
      } catch {
        // it was turned away already
      }
      // Where the last request became part of a body that is too short.
      const timer = setTimeout(() => client.closeWrite().catch(() => {}), PATIENCE_MS);
      const got = await client.rest().catch(() => client.got);
      clearTimeout(timer);
      if (got.startsWith("HTTP/1.1 200")) answered++;
      else if (got.startsWith("HTTP/1.1 ")) refused++;
      client.close();
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  assert.deepEqual(wrong, []);
  await until("nobody is served", () => scene.serving === 0);
  assert.ok(answered > ROUNDS / 20, `${answered} were answered`);
  assert.ok(refused > ROUNDS / 20, `${refused} were refused`);
  const last = await scene.ask(
    `GET http://${origin.authority}/ HTTP/1.1\r\nHost: x\r\n\r\n`,
  );
  assert.equal(last.body, "GET / HTTP/1.1", "and it goes on");
});

const PIECES = [
  ...TOKENS,
  "HTTP/1.1 200 OK\r\n",
  "HTTP/1.1 100 Continue\r\n\r\n",
  "HTTP/1.1 204 No\r\n\r\n",
  "5\r\nhello\r\n",
  "Content-Length : 5\r\n",
  "Connection: close\r\n",
  " folded\r\n",
];

Deno.test("whatever a server answers, its client reads plain messages and no other's", async () => {
  let answer = "";
  await using origin = new Origin(async (peer) => {
    for (;;) {
      const { start } = await peer.message();
      if (start.includes("/good")) await peer.send(plain(start));
      else {
        return await peer.send(answer); // and closes, so that every answer has an end
      }
    }
  });
  await using scene = new Scene();
  let passed = 0, refused = 0, broken = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ODDITIES),
      fc.array(fc.tuple(fc.nat(400), fc.nat(3), fc.constantFrom(...PIECES)), {
        maxLength: 3,
      }),
      async ({ start = "HTTP/1.1 200 OK\r\n", rest }, edits) => {
        const text = rest.startsWith("a: b") ? `X: y\r\n${rest.slice(-29)}` : rest;
        answer = edits.reduce((text, [at, cut, piece]) => {
          const from = at % (text.length + 1);
          return text.slice(0, from) + piece + text.slice(from + cut);
        }, start + text);
        const client = await scene.client();
        const ask = (path: string) =>
          client.send(
            `GET http://${origin.authority}${path} HTTP/1.1\r\nHost: x\r\n\r\n`,
          );
        await ask("/odd");
        try {
          let got = await client.message();
          while (/^HTTP\/1.1 1/.test(got.start)) got = await client.message();
          if (/ 502 /.test(got.start)) refused++;
          else passed++;
        } catch (error) {
          // It broke off, which is no message; but what came is in plain form.
          assert.match(`${error}`, /ended too soon/);
          broken++;
          return client.close();
        }
        await ask("/good-1");
        await ask("/good-2");
        for (const path of ["/good-1", "/good-2"]) {
          assert.equal((await client.message()).body, `GET ${path} HTTP/1.1`);
        }
        client.close();
      },
    ),
    { seed: SEED, numRuns: 1500 },
  );
  assert.ok(
    passed > 100 && refused > 100 && broken > 50,
    `${passed} ${refused} ${broken}`,
  );
});
