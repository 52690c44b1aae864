import assert from "node:assert/strict";
import { within } from "../../tests/harness/scene/wait.ts";
import { answerOf, fakeServer, queryOf } from "./_fake_dns.ts";
import { resolveOver } from "./client.ts";
import { idOf } from "./message.ts";
import { MessageStream } from "./stream.ts";
import { SystemResolver } from "./system.ts";
import { NameServer } from "./server.ts";
import {
  A,
  client,
  meshPair,
  names,
  namesOf,
  never,
  shortMessagesAreAnswered,
  WEB,
} from "./_name_server.ts";

Deno.test("a name behind a host is found over loopback: file, server, cache, client", async () => {
  await using server = await fakeServer({
    udp: (query) => [answerOf(query, { flags: 0x0200 })],
    tcp: (query) => answerOf(query, { answers: [A] }),
  });
  const hosts = await Deno.makeTempFile();
  await Deno.writeTextFile(hosts, "10.0.0.7 db\n10.9.9.9 web\n");
  const upstream = new SystemResolver({ servers: () => [server.address], hosts });
  const told: unknown[] = [];
  const ask = async (name: string) => {
    await using one = await client({
      upstream,
      onResolved: (...args) => told.push(args),
    });
    return (await resolveOver(one.stream, name)).addresses;
  };
  assert.deepEqual(await ask("web"), [WEB], "the mesh before the hosts file");
  assert.deepEqual(await ask("db"), [0x0a000007]);
  assert.deepEqual(await ask("far.example"), [0x0a000001]);
  assert.deepEqual(await ask("FAR.example"), [0x0a000001]);
  assert.equal(server.asked.tcp.length, 1, "the second time from the cache");
  assert.deepEqual(told, [
    ["db", [0x0a000007]],
    ["far.example", [0x0a000001]],
    ["far.example", [0x0a000001]],
  ]);
  await Deno.remove(hosts);
});

Deno.test("over the stack it answers, and lets go of a silent client", async () => {
  await using pair = await meshPair();
  const serving = new NameServer({ names, namesOf, upstream: never, idleLimitMs: 200 })
    .serve(pair.far);
  const messages = new MessageStream(pair.near);
  await messages.write(queryOf({ id: 9, name: "web" }));
  assert.equal(idOf((await within("an answer", messages.read()))!), 9);
  assert.equal(await within("the end", messages.read()), null);
  await within("the server's end", serving);
  pair.near.reset();
});

Deno.test("over the stack a message shorter than a header is answered as well", async () => {
  await using pair = await meshPair();
  const serving = new NameServer({ names, namesOf, upstream: never }).serve(pair.far);
  await shortMessagesAreAnswered(new MessageStream(pair.near));
  pair.near.close();
  await within("the server's end", serving);
});

Deno.test("over the stack a client has its addresses, and both ends let go", async () => {
  await using pair = await meshPair();
  const serving = new NameServer({ names, namesOf, upstream: never }).serve(pair.far);
  const { addresses } = await resolveOver(pair.near, "web.example");
  assert.deepEqual(addresses, [WEB]);
  await within("the server's end", serving);
});
