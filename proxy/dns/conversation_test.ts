import assert from "node:assert/strict";
import { until, within } from "../../tests/harness/scene/wait.ts";
import { answerOf, queryOf } from "./_fake_dns.ts";
import { idOf, rcodeOf } from "./message.ts";
import type { Resolver } from "./resolver.ts";
import { NameServer } from "./server.ts";
import type { ByteStream } from "../edge/stream.ts";
import {
  A,
  client,
  names,
  namesOf,
  never,
  shortMessagesAreAnswered,
} from "./_name_server.ts";

Deno.test("answers go out as they are found, and all of them before the end", async () => {
  const waiting = new Map<number, () => void>();
  const upstream: Resolver = {
    ask: (query) =>
      new Promise((resolve) => waiting.set(idOf(query), () => resolve(answerOf(query)))),
  };
  await using one = await client({ upstream });
  for (const id of [1, 2, 3]) await one.messages.write(queryOf({ id, name: "other" }));
  await one.stream.closeWrite();
  await until("three questions", () => waiting.size === 3);
  for (const id of [2, 3, 1]) {
    waiting.get(id)!();
    assert.equal(idOf((await within("an answer", one.messages.read()))!), id);
  }
  assert.equal(await within("the end", one.messages.read()), null);
});

Deno.test("with 64 questions under way it reads no further until one is answered", async () => {
  const waiting: (() => void)[] = [];
  const upstream: Resolver = {
    ask: (query) =>
      new Promise((resolve) => waiting.push(() => resolve(answerOf(query)))),
  };
  await using one = await client({ upstream });
  for (let id = 0; id < 70; id++) {
    await one.messages.write(queryOf({ id, name: "other" }));
  }
  await until("64 questions", () => waiting.length >= 64);
  waiting[5]!();
  assert.equal(idOf((await within("an answer", one.messages.read()))!), 5);
  await until("one more", () => waiting.length >= 65);
  assert.equal(waiting.length, 65);
  for (let i = 0; i < waiting.length || waiting.length < 70; i++) {
    await until("the rest", () => waiting.length > i);
    waiting[i]!();
  }
});

Deno.test("a message shorter than a header is told so by its id, and the next one is answered", async () => {
  await using one = await client();
  await shortMessagesAreAnswered(one.messages);
});

Deno.test("a message too short for an id ends the connection, after what was asked", async () => {
  for (const length of [0, 1]) {
    await using one = await client();
    await one.messages.write(queryOf({ name: "web" }));
    await one.messages.write(new Uint8Array(length));
    assert.equal(rcodeOf((await within("an answer", one.messages.read()))!), 0);
    const rest = one.messages.read().catch(() => null);
    assert.equal(await within("the end", rest), null);
    await within("the server's end", one.serving);
  }
});

Deno.test("a silent client is let go, and so is one that sends a byte now and then", async () => {
  for (const nagging of [false, true]) {
    await using one = await client({ idleLimitMs: 200 });
    await one.ask(queryOf({ name: "web" }));
    const timer = nagging
      ? setInterval(() => one.stream.write(Uint8Array.of(0)).catch(() => {}), 50)
      : undefined;
    try {
      const end = one.messages.read().catch(() => null);
      assert.equal(await within("the end", end), null);
      await within("the server's end", one.serving);
    } finally {
      clearInterval(timer);
    }
  }
});

Deno.test("a client that takes no answers is let go", async () => {
  const large = Array.from({ length: 4000 }, () => A);
  let asked = 0;
  const upstream: Resolver = {
    ask: (query) => {
      asked++;
      return Promise.resolve(answerOf(query, { answers: large }));
    },
  };
  await using one = await client({ upstream, idleLimitMs: 300 });
  const asking = (async () => {
    for (let id = 0; id < 65_536; id++) {
      await one.messages.write(queryOf({ id, name: "a" }));
    }
  })().catch(() => {}); // once the server let go
  await within("the server's end", one.serving);
  await asking;
  assert.ok(asked < 1000, `${asked} answers were made for nobody`);
});

Deno.test("a client that is reset in the middle ends its connection only", async () => {
  const waiting: (() => void)[] = [];
  const upstream: Resolver = {
    ask: (query) =>
      new Promise((resolve) => waiting.push(() => resolve(answerOf(query)))),
  };
  await using one = await client({ upstream });
  await one.messages.write(queryOf({ name: "other" }));
  await until("the question", () => waiting.length === 1);
  one.stream.reset();
  waiting[0]!();
  await within("the server's end", one.serving);
});

Deno.test("a client has 128 places, and all together 1024; more are reset", async () => {
  const server = new NameServer({ names, namesOf, upstream: never });
  const ends: (() => void)[] = [];
  let resets = 0;
  const stream = (): ByteStream => ({
    read: () => new Promise((resolve) => ends.push(() => resolve(null))),
    write: () => Promise.resolve(),
    closeWrite: () => Promise.resolve(),
    reset: () => resets++,
    close: () => {},
  });
  const serving: Promise<void>[] = [];
  for (let client = 0; client < 7; client++) {
    for (let i = 0; i < 129; i++) serving.push(server.serve(stream(), client));
    assert.equal(resets, client + 1);
  }
  for (let client = 100; client < 300; client++) {
    serving.push(server.serve(stream(), client));
  }
  const held = 1024;
  assert.equal(resets, 7 + 7 * 128 + 200 - held);
  await until("as many readers", () => ends.length === held);
  for (const end of ends.splice(0)) end();
  await Promise.all(serving);
  serving.push(server.serve(stream(), 0));
  await until("a place that is free again", () => ends.length === 1);
  ends[0]!();
  await Promise.all(serving);
});
